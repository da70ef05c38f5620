"""What a file is, and what its rows become: encodings, delimiters, columns, amounts, Shopify."""

from __future__ import annotations

import tempfile
from decimal import Decimal
from pathlib import Path
from typing import Any

from django.core.exceptions import ValidationError
from django.test import SimpleTestCase

from items.imports import mapping as import_mapping
from items.imports import recognising
from items.imports import rows as import_rows
from items.imports.mapping import Mapper, Skip
from items.imports.recognising import Survey
from items.imports.rows import Row, Shape, Unreadable

SHOPIFY = """\
Handle,Title,Body (HTML),Option1 Name,Option1 Value,Option2 Value,Variant SKU,Variant Price,Image Src
shirt,Blue Shirt,"<p>Soft &amp; light</p><ul><li>Cotton</li></ul>",Title,Default Title,,,50,https://a.example/1.jpg
shirt,,,,,,,,https://a.example/2.jpg
top,Varsity Top,"Plain, with a comma",Size,Small,Red,,60.5,
top,,,,Extra Large,Red,,61,
top,,,,Medium,Red,OWN-7,62,
""".replace("\n", "\r\n")


class ReadingTestCase(SimpleTestCase):
    def file(self, content: str | bytes, encoding: str = "utf-8") -> Path:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        path = Path(folder.name) / "file"
        path.write_bytes(content if isinstance(content, bytes) else content.encode(encoding))
        return path

    def rows(self, content: str | bytes, encoding: str = "utf-8") -> tuple[Shape, list[Row]]:
        path = self.file(content, encoding)
        shape = recognising.survey(path).shape
        return shape, [row for row, _ in import_rows.read(path, shape)]


class ShapeTests(ReadingTestCase):
    def test_encodings_are_recognised(self) -> None:
        text = "name;price\r\nCafé für €;1,50\r\n"
        for encoding in ("utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "cp1252"):
            shape, rows = self.rows(text, encoding)
            self.assertEqual((encoding, shape.columns), (encoding, ("name", "price")))
            self.assertEqual([row.cells for row in rows], [{"name": "Café für €", "price": "1,50"}])

    def test_what_is_not_utf_8_only_far_behind_is_noticed(self) -> None:
        shape, rows = self.rows(b"name,price\n" + (b"plain" * 20 + b",1\n") * 30_000 + b"Caf\xe9,1\n")
        self.assertEqual((shape.encoding, rows[-1].cells["name"], rows[-1].line), ("cp1252", "Café", 30_002))

    def test_delimiters_are_recognised_whatever_the_cells_hold(self) -> None:
        for delimiter in ",;\t|":
            cells = ["name", "price"], ['a "q", b; c|\td', "1"], ["b", "2"]
            text = "".join(delimiter.join('"' + cell.replace('"', '""') + '"' for cell in row) + "\n" for row in cells)
            shape, rows = self.rows(text)
            self.assertEqual((shape.delimiter, len(rows), rows[0].cells["name"]), (delimiter, 2, 'a "q", b; c|\td'))
        self.assertEqual(self.rows("sep=|\nname|price\na|1\n")[1][0].cells, {"name": "a", "price": "1"})

    def test_lines_are_counted_as_an_editor_counts_them(self) -> None:
        _, rows = self.rows('name,price\n"two\nlines",1\n\nlast,2')
        self.assertEqual([(row.line, row.cells["name"]) for row in rows], [(2, "two\nlines"), (5, "last")])

    def test_ndjson_is_recognised_and_its_bad_lines_do_not_stop_it(self) -> None:
        shape, rows = self.rows('{"name": "a", "price": 1.50}\nnonsense\n[1]\n\n{"name": "b", "tax": null}')
        self.assertEqual(shape.columns, ("name", "price", "tax"))
        self.assertEqual(
            [(row.line, row.cells or row.problem) for row in rows],
            [
                (1, {"name": "a", "price": "1.50"}), (2, "The line is not JSON."),
                (3, "The line is not a JSON object."), (5, {"name": "b", "tax": None}),
            ],
        )  # fmt: skip

    def test_rows_with_too_many_cells_or_broken_are_named_and_the_next_ones_come(self) -> None:
        _, rows = self.rows("name,price\na,1,2\nb\nc," + "x" * 1_100_000 + "\nd,4\n")
        problems = [(row.line, bool(row.problem)) for row in rows]
        self.assertEqual(problems[:2], [(2, True), (3, False)])
        self.assertEqual([row.cells for row in rows if row.problem == ""][-1], {"name": "d", "price": "4"})

    def test_a_line_without_an_end_is_never_held_whole(self) -> None:
        _, rows = self.rows('{"name": "a"}\n' + "x" * 3_500_000 + '\n{"name": "b"}\n')
        self.assertEqual([(row.line, row.problem) for row in rows], [(1, ""), (2, "The line is too long."), (3, "")])

    def test_what_is_no_table_is_refused_with_a_sentence(self) -> None:
        for content in (b"", b"  \n ", b"[{}]", b"PK\x03\x04\x00\x00\x00\x00\xff", b"\n\n,\n"):
            with self.assertRaises(Unreadable):
                self.rows(content)


class MappingTests(ReadingTestCase):
    def fields(self, content: str, **mapping: str) -> list[Any]:
        """The fields of each row, or what is wrong with them."""
        path = self.file(content)
        survey = recognising.survey(path)
        mapper = Mapper(survey, mapping or import_mapping.guess(survey))
        found: list[Any] = []
        for row, _ in import_rows.read(path, survey.shape):
            try:
                found.append(mapper.fields(row))
            except ValidationError as error:
                found.append(error.message_dict)
            except Skip:
                found.append("skipped")
        return found

    def survey(self, content: str) -> Survey:
        return recognising.survey(self.file(content))

    def test_columns_are_guessed_by_their_names(self) -> None:
        self.assertEqual(
            import_mapping.guess(self.survey("Product_Name,Unit price,Tax amount,URL,Article Number,Colour,\n")),
            {
                "name": "Product_Name",
                "price": "Unit price",
                "tax": "Tax amount",
                "link": "URL",
                "sku": "Article Number",
            },
        )

    def test_what_nobody_sees_of_a_columns_name_does_not_count(self) -> None:
        for name in ("\ufeff\ufeffname", "\u200bname", "na\u00adme\u200e"):
            guessed = import_mapping.guess(self.survey(f"{name},price\nLamp,1\n"))
            self.assertEqual(set(guessed), {"name", "price"}, ascii(name))

    def test_a_mapping_without_name_and_price_or_with_unknown_columns_is_refused(self) -> None:
        survey = self.survey("a,b\n")
        self.assertEqual(import_mapping.problem_of({"name": "a", "price": "b"}, survey), "")
        for mapping in ({"name": "a"}, {"name": "a", "price": "c"}, {"name": "a", "price": "b", "colour": "a"}):
            self.assertNotEqual(import_mapping.problem_of(mapping, survey), "")

    def test_amounts_are_understood_as_people_write_them(self) -> None:
        written = {
            "12.5": "12.50", "12,5": "12.50", "€ 1.234,50": "1234.50", "$1,234.50": "1234.50", "1 234,50": "1234.50",
            "7": "7.00", "0": "0.00",
        }  # fmt: skip
        for text, amount in written.items():
            self.assertEqual(self.fields(f'name,price\na,"{text}"\n')[0]["price"], Decimal(amount), text)
        for text in ("1,234", "1.005", "-1", "free", "1.2.3", "NaN"):
            self.assertEqual(list(self.fields(f'name,price\na,"{text}"\n')[0]), ["price"], text)

    def test_what_is_missing_is_named(self) -> None:
        self.assertEqual(set(self.fields("name,price,sku\n,,A\nx,1,B")[0]), {"name", "price"})
        self.assertEqual(self.fields("name,price\n,\nx,1")[0], "skipped")

    def test_an_empty_cell_empties_its_field_and_a_field_without_a_column_is_left_alone(self) -> None:
        self.assertEqual(
            self.fields("name,price,tax,sku\na,1,,\n"),
            [{"name": "a", "price": Decimal("1.00"), "tax": None, "sku": ""}],
        )

    def test_cells_that_an_export_made_harmless_are_read_as_they_were(self) -> None:
        self.assertEqual(self.fields("name,price\n'=1+1,1\n'quoted',1\n")[0]["name"], "=1+1")
        self.assertEqual(self.fields("name,price\n'quoted',1\n")[0]["name"], "'quoted'")

    def test_a_text_that_excel_kept_from_being_a_number_is_read_as_it_is_shown(self) -> None:
        [fields] = self.fields('sku,name,price\n="00123"," =""A lamp"" ",1\n')
        self.assertEqual((fields["sku"], fields["name"]), ("00123", "A lamp"))

    def test_a_blank_before_a_quote_is_no_part_of_the_cell_nor_is_the_quote(self) -> None:
        rows = self.fields('sku, "name", "price"\nA, "15"" lamp", "12.50"\nB,\t"b" ,2\nC,"c ""big""",3\nD, "d" e,4\n')
        self.assertEqual([row["name"] for row in rows], ['15" lamp', "b", 'c "big"', '"d" e'])
        self.assertEqual(rows[0]["price"], Decimal("12.50"))

    def test_a_quote_before_the_digits_of_a_sku_keeps_them_and_is_no_part_of_it(self) -> None:
        rows = self.fields("sku,name,price\n'00123,'68,1\n'A1,a,1\n'12'4,b,1\n")
        self.assertEqual([row["sku"] for row in rows], ["00123", "'A1", "'12'4"])
        self.assertEqual(rows[0]["name"], "'68")
        [own] = self.fields(
            "id,version,sku,name,description,price,tax,link,created_at,updated_at\n1,1,'00123,a,,1.00,,,x,x\n"
        )
        self.assertEqual(own["sku"], "'00123")  # our export puts a quote before formulas only

    def test_a_shopify_export_gives_an_item_for_each_variant(self) -> None:
        shirt, picture, small, large, medium = self.fields(SHOPIFY)
        self.assertEqual(
            shirt,
            {"name": "Blue Shirt", "description": "Soft & light\n\nCotton", "price": Decimal(50), "sku": "shirt"},
        )
        self.assertEqual(picture, "skipped")
        self.assertEqual((small["sku"], small["price"]), ("top-Small-Red", Decimal("60.50")))
        self.assertEqual(
            large,
            {
                "name": "Varsity Top", "description": "Plain, with a comma", "price": Decimal(61),
                "sku": "top-Extra-Large-Red",
            },
        )  # fmt: skip
        self.assertEqual((medium["sku"], medium["name"]), ("OWN-7", "Varsity Top"))

    def test_a_sku_that_would_be_too_long_is_cut_and_stays_the_only_one(self) -> None:
        long, other = import_mapping.short_sku("x" * 70 + "a"), import_mapping.short_sku("x" * 70 + "b")
        self.assertEqual((len(long), len(other), long == other), (64, 64, False))
