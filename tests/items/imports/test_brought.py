"""Files as programs and people make them: what stands before the columns, how these are called, what is no table."""

from __future__ import annotations

from decimal import Decimal
from typing import Any
from unittest import mock

from django.core.exceptions import ValidationError

from items.imports import mapping as import_mapping
from items.imports import names as import_names
from items.imports import recognising
from items.imports import rows as import_rows
from items.imports.mapping import Mapper, Skip
from items.imports.recognising import Survey
from items.imports.rows import Unreadable
from tests.items.imports.test_reading import ReadingTestCase

ROWS = "A,Lamp,12.50\nB,Chair,20\n"


class BroughtTests(ReadingTestCase):
    def survey(self, content: str | bytes) -> Survey:
        return recognising.survey(self.file(content))

    def guessed(self, names: str) -> dict[str, str]:
        delimiter = "\t" if "\t" in names else ","
        return import_mapping.guess(self.survey(f"{names}\n{delimiter.join('x' * (names.count(delimiter) + 1))}\n"))

    def become(self, content: str | bytes) -> list[Any]:
        """Of each row SKU and price, or why it is none."""
        path = self.file(content)
        survey = recognising.survey(path)
        mapper = Mapper(survey, import_mapping.guess(survey))
        found: list[Any] = []
        for row, _ in import_rows.read(path, survey.shape):
            try:
                fields = mapper.fields(row)
                found.append((fields.get("sku"), fields["price"]))
            except Skip as reason:
                found.append(str(reason))
            except ValidationError as error:
                found.append(error.message_dict)
        return found

    def test_titles_before_the_columns_are_left_out_and_that_is_said(self) -> None:
        for before, line in (
            ("Table 1\r\n", 2), ("Inventory\nStand 2026-01-05\n\n", 4), ("Inventory,,\n2026-01-05,,\n,,\n", 4),
            ("# made by a tool\n", 2), ('"Items, all of them"\n', 2), ('"Items\nof all shops"\n', 3),
        ):  # fmt: skip
            with self.subTest(before):
                content = f"{before}sku,name,price\n{ROWS}"
                self.assertEqual(self.become(content), [("A", Decimal("12.50")), ("B", Decimal(20))])
                self.assertIn(f"on line {line};", self.survey(content).shape.left_out)
        german = self.survey("Bericht: Artikel, Stand heute\n\nSKU;Name;Price\nA;Lampe, groß;12,50\n")
        self.assertEqual((german.shape.delimiter, german.rows), (";", 1))
        self.assertEqual(self.survey(f"\n\nsku,name,price\n{ROWS}").shape.left_out, "")

    def test_a_first_line_that_names_one_column_is_no_title_when_what_follows_is_a_row(self) -> None:
        for content, columns in (
            ("name,\nLamp,5\n", ("name", "column 2")), ("name\nLamp, big\nChair, small\n", ("name",)),
            ("name\n\nLamp\n", ("name",)),
        ):  # fmt: skip
            shape = self.survey(content).shape
            self.assertEqual((shape.columns, shape.left_out), (columns, ""), content)

    def test_what_is_longer_than_a_name_is_not_gone_through(self) -> None:
        with mock.patch.object(import_names, "plain_name", side_effect=AssertionError):
            self.assertFalse(import_names.are_known(["x" * (import_names.NAME_LENGTH + 1), "x" * 1_000_000]))
        self.assertTrue(import_names.are_known(["sku", "name", "x" * 1_000_000]))

    def test_names_are_known_however_their_words_are_joined(self) -> None:
        for names, sku, name, price in (
            ("ItemCode,ItemName,UnitPrice", "ItemCode", "ItemName", "UnitPrice"),
            ("product-code,product-name,unit-price", "product-code", "product-name", "unit-price"),
            ("SKU *,*Name,Price*", "SKU *", "*Name", "Price*"),
            ("ItemSKU,Name,Price", "ItemSKU", "Name", "Price"),
            # Amazon's report of listings, QuickBooks' and Xero's items
            ("item-name\titem-description\tlisting-id\tseller-sku\tprice", "seller-sku", "item-name", "price"),
            ("Product/Service Name,SKU,Type,Sales Price / Rate", "SKU", "Product/Service Name", "Sales Price / Rate"),
            ("*ItemCode,ItemName,PurchasesUnitPrice,SalesUnitPrice", "*ItemCode", "ItemName", "SalesUnitPrice"),
        ):
            guessed = self.guessed(names)
            self.assertEqual([guessed.get(field) for field in ("sku", "name", "price")], [sku, name, price], names)
        (row,) = self.become('{"productCode": "A", "productName": "Lamp", "unitPrice": 12.5}\n')
        self.assertEqual(row, ("A", Decimal("12.50")))

    def test_ebays_own_number_of_a_listing_is_not_the_sku_where_the_sellers_stands_beside_it(self) -> None:
        names = "Item number,Title,Custom label (SKU),Available quantity,Start price,Current price"
        survey = self.survey(f"{names}\n123456,Lamp,L-1,3,9.00,12.50\n")
        guessed = import_mapping.guess(survey)
        self.assertEqual((guessed["sku"], guessed["name"]), ("Custom label (SKU)", "Title"))
        self.assertIn("Start price was not taken", import_mapping.problem_of(guessed, survey))

    def test_etsys_and_lightspeeds_exports_hold_html(self) -> None:
        etsy = (
            "TITLE,DESCRIPTION,PRICE,CURRENCY_CODE,QUANTITY,TAGS,MATERIALS,IMAGE1,SKU\n"
            '"Ring, &quot;Luna&quot;","Anna&#39;s ring\nof silver",25.00,USD,5,"a,b",silver,,R-1\n'
        )
        lightspeed = (
            "id,handle,sku,name,description,supply_price,retail_price,tax_value\n"
            "1,lamp,L-1,Lamp,<p>Bright</p>,5.00,12.50,0.15\n"
        )
        for content, name, description, price in (
            (etsy, 'Ring, "Luna"', "Anna's ring\nof silver", "25"), (lightspeed, "Lamp", "Bright", "12.50"),
        ):  # fmt: skip
            path = self.file(content)
            survey = recognising.survey(path)
            mapper = Mapper(survey, import_mapping.guess(survey))
            [fields] = [mapper.fields(row) for row, _ in import_rows.read(path, survey.shape)]
            self.assertEqual(
                (fields["name"], fields["description"], fields["price"]), (name, description, Decimal(price))
            )

    def test_the_names_of_the_columns_once_more_are_no_row_that_failed(self) -> None:
        again = "the row names the columns once more"
        self.assertEqual(
            self.become("sku,name,price\nA,Lamp,1\nsku, name ,price\nB,price,2\nC,x,price\n")[1:],
            [again, ("B", Decimal(2)), {"price": ["Give one number such as 12.50, with at most one currency sign."]}],
        )
        survey = self.survey("A-1,Lamp,12.50\nA-1,Lamp,12.50\n")  # without a line that names them
        mapper = Mapper(survey, {"sku": "A-1", "name": "Lamp", "price": "12.50"})
        [(row, _)] = import_rows.read(self.file("A-1,Lamp,12.50\nA-1,Lamp,12.50\n"), survey.shape)
        self.assertEqual(mapper.fields(row)["sku"], "A-1")
        self.assertIn("looks like a row", import_mapping.problem_of({}, survey))

    def test_points_between_digits_in_threes_are_not_taken_for_decimals_where_commas_are(self) -> None:
        cars = "sku;name;price\nA;Car;12.500\nB;Van;29.900\n"
        self.assertEqual([list(row) for row in self.become(cars)], [["price"], ["price"]], "12.50 for a car of 12,500")
        self.assertEqual(self.become(f"{cars}C;Toy;9,90\n")[0], ("A", Decimal(12_500)))
        self.assertEqual(self.become(f"{cars}C;Toy;29.0000\n")[0], ("A", Decimal("12.50")))
        survey = self.survey(cars.replace(";", ","))
        self.assertIn("(12.500 is 12.50)", survey.evidence["price"].words)
        self.assertEqual(self.become(cars.replace(";", ","))[0], ("A", Decimal("12.50")))

    def test_a_quote_before_the_digits_of_an_amount_is_no_part_of_it(self) -> None:
        self.assertEqual(
            self.become("sku;name;price\n'00123;a;'12,50\nB;b;'1.234\nC;c;1'234,50\n"),
            [("00123", Decimal("12.50")), ("B", Decimal(1234)), ("C", Decimal("1234.50"))],
        )

    def test_a_nul_is_a_fault_of_its_row_wherever_it_stands(self) -> None:
        rows = self.become(b"sku,name,price\nA,La\x00mp,1\n" + b"B,b,2\n" * 20)
        self.assertEqual(rows[1], ("B", Decimal(2)))
        with self.assertRaisesRegex(Unreadable, "not a text file"):
            self.survey(b"sku\x00name\x00price\x00\n" * 20)

    def test_the_last_byte_of_a_file_of_dos_is_no_row_that_failed(self) -> None:
        self.assertEqual(self.become("sku,name,price\r\nA,a,1\r\n\x1a")[1], "the row is empty")

    def test_what_only_looks_like_a_table_is_called_by_its_name(self) -> None:
        for content, said in (
            ("<html><table><tr><td>sku</td><td>name</td></tr></table></html>", "HTML"),
            ('\ufeff<?xml version="1.0"?>\n<Workbook/>\n', "XML"),
            ('{"sku": "A", "name": "a", "price": 2},\n{"sku": "B", "name": "b", "price": 2},\n', "looks like JSON"),
            ("{'sku': 'A', 'name': 'a'}\n{'sku': 'B', 'name': 'b'}\n", "looks like JSON"),
        ):
            with self.assertRaisesRegex(Unreadable, said):
                self.survey(content)
        self.assertEqual(self.survey("<new>,name,price\nA,Lamp,1\n").shape.columns[0], "<new>")

    def test_a_broken_line_of_json_at_the_beginning_fails_alone(self) -> None:
        good = '{"sku": "B", "name": "b", "price": 2}\n'
        rows = [row for row, _ in import_rows.read(self.file('{"sku": "A\t", "price": 1}\n' + good),
                self.survey('{"sku": "A\t", "price": 1}\n' + good).shape)]  # fmt: skip
        self.assertEqual([(row.problem, row.cells.get("sku")) for row in rows],
                         [("The line is not JSON.", None), ("", "B")])  # fmt: skip

    def test_a_spreadsheets_errors_are_no_names(self) -> None:
        first, second, third = self.become("sku,name,price\nA,#N/A,1\n#REF!,b,2\n#7,#N/A lamp,3\n")
        self.assertEqual((list(first), list(second), third), (["name"], ["sku"], ("#7", Decimal(3))))

    def test_a_column_that_calls_itself_html_is_html(self) -> None:
        path = self.file("sku,name,price,Body HTML\nA,a,1,<p>Hi <b>you</b></p>\n")
        survey = recognising.survey(path)
        [(row, _)] = import_rows.read(path, survey.shape)
        self.assertEqual(Mapper(survey, import_mapping.guess(survey)).fields(row)["description"], "Hi you")

    def test_a_price_with_tax_is_not_called_a_rate(self) -> None:
        survey = self.survey("sku,name,price incl. VAT,VAT rate\nA,a,12,19\n")
        why = {fate.column: fate.why for fate in import_mapping.fates(survey, import_mapping.guess(survey))}
        self.assertEqual((why["price incl. VAT"], why["VAT rate"]), (import_mapping.OTHER_PRICE, import_mapping.RATE))
        self.assertIn("price incl. VAT was not taken", import_mapping.problem_of({"name": "name"}, survey))
