"""The exports of shops as they are, and what is said about columns that are not used."""

from __future__ import annotations

import gzip
from decimal import Decimal
from typing import Any
from unittest import mock

from items.imports import amounts, encoding, formats, recognising
from items.imports import mapping as import_mapping
from items.imports import rows as import_rows
from items.imports.mapping import Mapper, Skip
from items.imports.rows import COLUMNS, Unreadable
from items.values import texts
from tests.items.imports.test_reading import ReadingTestCase

SHOPIFY_NEW = """\
Title,URL handle,Description,Vendor,Status,SKU,Barcode,Option1 name,Option1 value,Option2 name,Option2 value,Price,\
Compare-at price,Cost per item,Charge tax,Inventory quantity,Product image URL,Image position
Shirt,shirt,<p>soft &amp; light</p>,V,Active,X-S,,Size,S,,,10.00,12.00,4.00,TRUE,5,https://a.example/1.jpg,1
,shirt,,,,,,,M,,,11.00,,,TRUE,5,,
,shirt,,,,,,,,,,,,,,,https://a.example/2.jpg,2
Mug,mug,plain,V,Active,,,Title,Default Title,,,5.00,,,TRUE,1,,
"""
WOOCOMMERCE = """\
ID,Type,SKU,Name,Published,"Is featured?","Visibility in catalog","Short description",Description,"Tax status",\
"Tax class","In stock?",Stock,"Sale price","Regular price",Categories,Images,Parent,\
"Attribute 1 name","Attribute 1 value(s)"
44,variable,woo-tee,"V-Neck",1,1,visible,short,"<p>A tee.</p>\\nTwo",taxable,,1,,,,Tops,,,Colour,"Red, Green"
45,variation,woo-tee-red,"V-Neck - Red",1,0,visible,,,taxable,,1,,,20,,,woo-tee,Colour,Red
46,variation,,,1,0,visible,,,taxable,,1,,18,21.50,,,id:44,Colour,Green
47,"simple, virtual",woo-mug,Mug &amp; Cup &#8211; big,1,0,visible,,Plain,taxable,,1,3,,9,Kitchen,,,,
48,grouped,woo-set,Set,1,0,visible,,,taxable,,1,,,,,,,,
"""
SQUARE = """\
Token,Item Name,Variation Name,SKU,Description,Category,GTIN,Square Online Item Visibility,Weight (lb),Price,Sellable,\
Stockable,Default Unit Cost,Current Quantity Shop,Tax - Sales Tax (6.625%)
T1,Coffee,Small,C-S,Fresh,Drinks,,visible,,"$3.50",Y,Y,1.00,5,Y
T1B,Coffee,Large,,Fresh,Drinks,,visible,,"$1,004.50",Y,Y,1.00,5,Y
T2,Gift,Regular,G,,Other,,visible,,variable,Y,N,,,N
"""


class FormatTests(ReadingTestCase):
    def fields(self, content: str | bytes) -> list[Any]:
        survey = recognising.survey(self.file(content))
        mapper = Mapper(survey, import_mapping.guess(survey))
        found: list[Any] = []
        for row, _ in import_rows.read(self.file(content), survey.shape):
            try:
                found.append(mapper.fields(row))
            except Skip as reason:
                found.append(str(reason))
        return found

    def fates(self, content: str) -> dict[str, tuple[str, str]]:
        survey = recognising.survey(self.file(content))
        mapping = import_mapping.guess(survey)
        return {fate.column: (fate.used_as, fate.why) for fate in import_mapping.fates(survey, mapping)}

    def test_shopifys_newer_export(self) -> None:
        small, medium, picture, mug = self.fields(SHOPIFY_NEW)
        self.assertEqual(small, {"name": "Shirt", "description": "soft & light", "price": Decimal(10), "sku": "X-S"})
        self.assertEqual((medium["name"], medium["sku"], medium["price"]), ("Shirt", "shirt-M", Decimal(11)))
        self.assertEqual(picture, "a further picture of shirt")
        self.assertEqual((mug["sku"], mug["description"]), ("mug", "plain"))

    def test_woocommerces_export(self) -> None:
        tee, red, green, mug, group = self.fields(WOOCOMMERCE)
        self.assertIn("product with variations", tee)
        self.assertEqual((red["name"], red["sku"], red["price"]), ("V-Neck - Red", "woo-tee-red", Decimal(20)))
        self.assertEqual(
            (green["name"], green["sku"], green["price"], green["description"]),
            ("V-Neck", "woocommerce-46", Decimal("21.50"), "A tee.\nTwo"),
        )
        self.assertEqual((mug["sku"], mug["name"], mug["price"]), ("woo-mug", "Mug & Cup – big", Decimal(9)))
        self.assertIn("group of products", group)

    def woocommerce(self, *rows: str) -> list[Any]:
        """What becomes of rows: ID, type, SKU, name, description, price, parent."""
        head = "ID,Type,SKU,Name,Description,Regular price,Parent,Published\n"
        return self.fields(head + "".join(f"{row},1\n" for row in rows))

    def test_variations_find_their_product_however_far_before_them_it_stands(self) -> None:
        *_, red, green, mug = self.woocommerce(
            "1,variable,tee,Tee,Soft,,", "2,variable,cap,Cap,Warm,,", "3,grouped,set,Set,All,,", "4,simple,x,X,Y,1,",
            "5,variation,r,,,2,tee", "6,variation,g,,Green,3,id:2", "7,variation,m,Mug,,4,id:9",
        )  # fmt: skip
        self.assertEqual([(row["name"], row["description"]) for row in (red, green, mug)],
                         [("Tee", "Soft"), ("Cap", "Green"), ("Mug", "")])  # fmt: skip

    def test_what_variations_look_back_at_is_bounded(self) -> None:
        products = [f"{number},variable,s{number},Name,{'d' * 1_000},," for number in range(20)]
        with mock.patch.object(formats, "PARENTS_BYTES", 20_000):
            *_, first, last = self.woocommerce(*products, "30,variation,a,A,,1,s0", "31,variation,b,B,,1,s19")
        self.assertEqual([len(row["description"]) for row in (first, last)], [0, 1_000])

    def test_squares_item_library(self) -> None:
        small, large, gift = self.fields(SQUARE)
        self.assertEqual((small["name"], small["sku"], small["price"]), ("Coffee", "C-S", Decimal("3.50")))
        self.assertEqual((large["sku"], large["price"]), ("square-T1B", Decimal("1004.50")))
        self.assertIn("variable", gift)

    def test_our_own_export_is_read_back_as_it_was(self) -> None:
        head = "id,version,sku,name,description,price,tax,link,owner,created_at,updated_at\n"
        rows = head + "1,1,A,'=1+1,a;'=2,10.00,20.00,,olga,2025-01-01,2025-01-01\n2,1,B,b,,5.00,10.00,,olga,x,x\n"
        first, second = self.fields(rows)
        self.assertEqual((first["name"], first["description"], first["tax"]), ("=1+1", "a;=2", Decimal(20)))
        self.assertEqual(second["tax"], Decimal(10))

    def test_a_handle_with_half_a_character_has_a_sku_that_is_refused_later(self) -> None:
        handle = "h" * 80 + r"\ud800"
        (row,) = self.fields(f'{{"Handle": "{handle}", "Variant Price": 5, "Title": "T", "Variant SKU": ""}}')
        self.assertLessEqual(len(row["sku"]), texts.SKU_LENGTH)

    def test_what_may_be_a_rate_a_stock_or_another_price_is_not_guessed_and_that_is_said(self) -> None:
        fates = self.fates("sku,name,price,VAT,VAT rate,Amount,Qty,Cost price,Colour,Empty\nA,a,1,19,19,250,5,1,red,\n")
        for column, word in (("VAT", "rate"), ("VAT rate", "rate"), ("Amount", "stock"), ("Qty", "stock"),
                             ("Cost price", "price"), ("Colour", "name"), ("Empty", "empty")):  # fmt: skip
            used_as, why = fates[column]
            self.assertEqual((column, used_as, word in why), (column, "", True), why)
        self.assertEqual(fates["price"], ("price", "guessed from its name"))
        self.assertEqual(self.fates("name,price,tax\na,100,19\nb,50,7\n")["tax"][0], "")
        self.assertEqual(self.fates("name,price,tax\na,100,15.97\nb,50,7\n")["tax"][0], "tax")

    def test_a_column_called_url_without_an_address_is_not_guessed(self) -> None:
        self.assertEqual(self.fates("name,price,url\na,1,lamp-page\n")["url"][0], "")
        self.assertEqual(self.fates("name,price,url\na,1,https://a.example\n")["url"][0], "link")

    def test_numbers_that_a_spreadsheet_shortened_are_said_of_a_sku(self) -> None:
        other = "B-1,b,1\n" * (2 * amounts.PATIENCE)
        for cell in ("4.00638E+12", '"4,00638E+12"', "1E+05"):
            self.assertIn("shortened", self.fates(f"sku,name,price\n{other}{cell},a,1\n")["sku"][1], cell)
        self.assertNotIn("shortened", self.fates("sku,name,price\n1E5,a,1\nE+12,b,1\nA1E+12,c,1\n")["sku"][1])

    def test_how_amounts_are_read_is_said(self) -> None:
        self.assertIn("a comma stands before decimals", self.fates("name;price\na;12,50\nb;1.234\n")["price"][1])
        self.assertIn("different currencies", self.fates("name,price\na,$5\nb,€6\n")["price"][1])

    def test_amounts_that_stand_behind_many_texts_are_seen(self) -> None:
        texts_before = "a;on request\n" * (2 * amounts.PATIENCE)
        for amount in ("12,50", "1.234.567", "€ 12,50", "12,50 EUR", " 12,50", "12,50 ", '="12,50"'):
            with self.subTest(amount):
                content = f"name;price\n{texts_before}a;{amount}\na;again a text\na;7,25\n"
                evidence = recognising.survey(self.file(content)).evidence["price"]
                self.assertEqual((evidence.style, evidence.numbers), ("comma", 2))
        lines = '{"name": "a", "price": "on request"}\n' * (2 * amounts.PATIENCE) + '{"price": 7}\n{"price": "12,50"}\n'
        evidence = recognising.survey(self.file(lines)).evidence["price"]
        self.assertEqual((evidence.style, evidence.numbers), ("comma", 2))
        rates = recognising.survey(self.file(f"name;tax\n{texts_before}a;19 %\n")).evidence["tax"]
        self.assertEqual(rates.percents, 1)

    def test_columns_of_one_name_are_not_guessed_and_are_told_apart(self) -> None:
        for head in ("sku,name,price,name", "sku,Name,price,NAME", "sku,name ,price,name"):
            survey = recognising.survey(self.file(f"{head}\nA,Lamp,5,Supplier Ltd\n"))
            self.assertNotIn("name", import_mapping.guess(survey))
            problem = import_mapping.problem_of(import_mapping.guess(survey), survey)
            self.assertIn("Say which column holds the name. Several have the name", problem)
            self.assertEqual(len(set(survey.shape.columns)), 4)
        self.assertEqual(survey.shape.columns[1::2], ("name (column 2)", "name (column 4)"))

    def test_a_name_that_is_twice_in_a_line_of_json_fails_the_line(self) -> None:
        (row,) = import_rows.read(path := self.file('{"name": "a", "price": 1, "name": "b"}\n'),
                                  recognising.survey(self.file('{"name": "a"}')).shape)  # fmt: skip
        self.assertTrue(path.exists())
        self.assertEqual(row[0].problem, "The name name is there twice.")

    def test_names_that_are_one_without_halves_of_characters_fail_the_line(self) -> None:
        _, rows = self.rows('{"a": 1}\n' + r'{"half \ud800": 1, "half \udfff": 2}')
        self.assertEqual([(row.problem[:9], list(row.cells)) for row in rows], [("", ["a"]), ("Two names", [])])


class ShapeTests(ReadingTestCase):
    def test_excels_hint_is_understood_in_every_form(self) -> None:
        for first in ("sep=;", '"sep=;"', "sep=;;;", "SEP=;", "sep=; ", "sep=,;;"):
            shape, rows = self.rows(f"\ufeff{first}\r\nsku;name;price\r\nT;Lamp, big;12,50\r\n")
            self.assertEqual((first, shape.delimiter, shape.columns), (first, ";", ("sku", "name", "price")))
            self.assertEqual([(row.line, row.cells["name"]) for row in rows], [(3, "Lamp, big")])
        self.assertEqual(self.rows("sep=\t\r\nname\tprice\r\na\t1\r\n")[1][0].cells, {"name": "a", "price": "1"})
        self.assertEqual(self.rows("sep=^\nname^price\na^1\n")[1][0].cells, {"name": "a", "price": "1"})

    def test_brackets_and_braces_alone_are_no_json(self) -> None:
        self.assertEqual(self.rows("[sku],[name],[price]\nK,Lamp,5\n")[0].delimiter, ",")
        self.assertEqual(self.rows("{sku},{name}\nK,Lamp\n")[0].delimiter, ",")
        self.assertEqual(self.rows('not json\n{"name": "a"}\n{"name": "b"}\n')[0].delimiter, "")
        for content in ('[{"a": 1}]', "[\n{\n", '["a", "b"]', "[]", '{\n"name": "a"\n}\n'):
            with self.assertRaises(Unreadable):
                self.rows(content)

    def test_the_whole_file_decides_about_the_delimiter(self) -> None:
        head = "a,b;c\n" + "1,2;3\n" * 300
        self.assertEqual(self.rows(head + "1;2\n" * 5_000)[0].delimiter, ";")

    def test_rows_that_end_with_a_delimiter_or_before_their_last_cells_have_the_columns_of_the_first_line(self) -> None:
        for delimiter in ",;\t|":
            head = delimiter.join(("sku", "name", "price", "tax", "note"))
            for tail in (delimiter * 3, ""):
                content = f"{head}\n" + f'A{delimiter}"Lamp, big; red"{delimiter}5{tail}\n' * 3
                shape, rows = self.rows(content)
                self.assertEqual((shape.delimiter, len(shape.columns)), (delimiter, 5), repr(content))
                self.assertEqual([row.cells.get("name") for row in rows], ["Lamp, big; red"] * 3)

    def test_files_that_were_put_together_have_marks_in_the_middle_and_before_quotes(self) -> None:
        mark = "\ufeff"
        _, rows = self.rows(f'{mark}{mark}"sku","name","price"\nA,a,1\n{mark}"B","b, c",2\n"C","{mark}c",3\n{mark}\n')
        self.assertEqual([row.cells for row in rows], [
            {"sku": "A", "name": "a", "price": "1"}, {"sku": "B", "name": "b, c", "price": "2"},
            {"sku": "C", "name": f"{mark}c", "price": "3"},
        ])  # fmt: skip
        _, rows = self.rows(f'{mark}{mark}{{"name": "a"}}\n{mark}{{"name": "b"}}\n')
        self.assertEqual([row.cells for row in rows], [{"name": "a"}, {"name": "b"}])

    def test_too_many_columns_are_said_to_be_that(self) -> None:
        for count in (COLUMNS + 1, 5 * COLUMNS):
            with self.assertRaisesRegex(Unreadable, "more than 1,000 columns"):
                self.rows(",".join(f"c{number}" for number in range(count)) + "\n")

    def test_what_is_no_text_at_all_is_called_by_its_name(self) -> None:
        row = b"name,price\n" + b"Lamp,1\n" * 200
        for content, said in (
            (gzip.compress(row), "gzip"),
            (b"PK\x03\x04" + bytes(range(256)) * 9, "Excel"),
            (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600), "Excel"),
            (b"%PDF-1.7\n\xe2", "PDF"),
        ):
            with self.assertRaisesRegex(Unreadable, said):
                self.rows(content)

    def test_a_file_of_one_line_end_only_is_not_cut_within_a_character(self) -> None:
        for begins in ("a", "aa", "aaa"):  # wherever a piece ends, it is in the middle of a character for two of them
            content = (f"{begins}\r" + ("\u20ac" * 50 + "\r\r\r") * 35_000).encode()
            self.assertGreater(len(content), 5 * encoding.SCAN)
            self.assertEqual(encoding.encoding_of(self.file(content)), ("utf-8-sig", False))

    def test_one_bad_byte_fails_its_row_and_is_named(self) -> None:
        content = "sku,name\nE1,Café\nE2,Käse\n".encode() + b'E3,Gr\xfcn\nE4,"two\nl\xfcnes"\nE5,x\n'
        shape, rows = self.rows(content)
        self.assertEqual((shape.encoding, shape.damaged), ("utf-8-sig", True))
        self.assertEqual([bool(row.problem) for row in rows], [False, False, True, True, False])
        self.assertEqual(rows[2].problem, "Line 4 has a byte that is not UTF-8: 0xFC, the byte 6 of the line.")
        self.assertIn("Line 6 ", rows[3].problem)
        _, (row,) = self.rows('{"name": "Käse"}\n'.encode() + b'{"name": "Gr\xfcn"}\n')[0], self.rows(
            '{"name": "Käse"}\n'.encode() + b'{"name": "Gr\xfcn"}\n')[1][1:]  # fmt: skip
        self.assertIn("0xFC", row.problem)

    def test_windows_1252_needs_the_whole_file(self) -> None:
        self.assertEqual(self.rows("name\nCafé – “Zürich”\nGrün\n".encode("cp1252"))[0].encoding, "cp1252")
        for name, text in (
            ("cp1251", "название товара"), ("cp1253", "όνομα προϊόντος"), ("cp1255", "שם המוצר"),
            ("cp1256", "اسم المنتج"), ("cp874", "ชื่อสินค้า"), ("shift_jis", "商品名の列"),
            ("euc_jp", "商品名と価格"), ("gb18030", "商品名称和价格"), ("big5", "請在此輸入產品的說明"),
            ("euc_kr", "상품 이름과 가격"), ("cp850", "Müller Käse größer é"), ("mac_roman", "Levi’s Käse, café"),
            ("cp1250", "zażółć gęślą jaźń"), ("cp1250", "příliš jemný čaj"), ("cp1254", "şifreyi doğrulayın"),
            ("cp1257", "žalia ąžuolinė kėdė"),
        ):  # fmt: skip
            with self.assertRaises(Unreadable, msg=(name, text)):
                self.rows("\n".join(["name,price", *[text] * 20]).encode(name))

    def test_what_western_languages_write_is_windows_1252(self) -> None:
        for text in (
            "Größenänderung, »außen« ‚und‘ „innen“", "Prix : « œuvre d’été » à côté, forêt naïve", "Men´s – Levi‘s®",
            "Está en español: ¿qué año? Nº 1, 2ª", "São não útil ação", "Smörgåsbord på ön", "Blåbærgrød og æbler",
            "Það er gott að ýta á", "l·l col·lecció", "Blue\u00a0Shirt\u00a0big", "Öljylämppu šakki",
            "città più è perché", "25 m² – 30 µm – ½ l – 5 °C – £5 – ©", "Bade\u00adzimmer", "— — ——— •••• …… ££",
        ):  # fmt: skip
            shape, rows = self.rows("\n".join(["name", *[f'"{text}"'] * 8]).encode("cp1252"))
            self.assertEqual((shape.encoding, rows[0].cells["name"]), ("cp1252", text))

    def test_utf_16_that_is_cut_in_the_middle_of_a_character_fails_its_row_only(self) -> None:
        shape, rows = self.rows("name,price\nCafé,1\nTee,2".encode("utf-16")[:-1])
        self.assertEqual((shape.damaged, [bool(row.problem) for row in rows]), (True, [False, True]))

    def test_a_survey_that_was_kept_is_the_same(self) -> None:
        path = self.file('{"sku": 7, "name": "a", "tax": null, "x": [1]}\n{"late": 1.50}\n')
        survey = recognising.survey(path)
        survey.write(path)
        kept = recognising.Survey.kept(path)
        self.assertEqual(kept, survey)
        self.assertEqual([type(cell) for cell in kept.sample[0].cells.values()],
                         [type(cell) for cell in survey.sample[0].cells.values()])  # fmt: skip

    def test_what_is_kept_of_the_first_rows_is_bounded(self) -> None:
        path = self.file("name,price\n" + ("x" * 900_000 + ",1\n") * 20)
        recognising.survey(path).write(path)
        self.assertLess(path.stat().st_size, 400_000)
