// Two changes of one board, put together: nothing of either is lost, and what both changed is asked.
import assert from "node:assert/strict";
import { test } from "node:test";

import { isSaid, merged } from "../../../streams/static/streams/boards/edit/merge.js";

const tile = (id, more) => ({ id, kind: "number", title: id, topic: "t", filter: "", x: 0, y: 0, w: 3, h: 3, options: { figure: "count", field: null }, ...more });
const BASE = {
  slug: "b", version: 1, owner: "ada", name: "A", sharing: { read: "private", edit: "private", groups: [] }, window: { last_seconds: 60 }, filter: "", clock: "utc",
  tiles: [tile("one"), tile("two", { x: 3 }), tile("three", { x: 6 })],
};
const of = (board, id) => board.tiles.find((each) => each.id === id);

test("what only one of two changed is as that one has it", () => {
  const mine = { ...BASE, name: "Mine", tiles: [tile("one", { title: "first" }), tile("two", { x: 3 }), tile("mine", { y: 3 })] };
  const theirs = {
    ...BASE, version: 2, sharing: { groups: [], edit: "private", read: "everyone" }, window: { last_seconds: 900 },
    tiles: [tile("one", { h: 5 }), tile("two", { x: 3, options: { field: "value.n", figure: "max" } }), tile("three", { x: 6 }), tile("theirs", { x: 9 })],
  };
  const { board, conflicts } = merged(BASE, mine, theirs);
  assert.deepEqual(conflicts, []);
  assert.deepEqual([board.name, board.window, board.sharing.read, board.version], ["Mine", { last_seconds: 900 }, "everyone", 2]);
  assert.deepEqual(board.tiles.map(({ id }) => id), ["one", "two", "theirs", "mine"], "three was taken away");
  assert.deepEqual([of(board, "one").title, of(board, "one").h, of(board, "two").options.figure], ["first", 5, "max"]);
  assert.equal(of(board, "mine").y, 5, "it lay under the one that became higher");
});

test("of what both changed somebody chooses, mine where nobody did", () => {
  const mine = { ...BASE, name: "Mine", tiles: [tile("one", { title: "mine", x: 9 }), tile("two", { x: 3, title: "seen" })] };
  const theirs = { ...BASE, name: "Theirs", tiles: [tile("one", { title: "theirs", y: 6 }), tile("three", { x: 6, title: "3" })] };
  const { board, conflicts } = merged(BASE, mine, theirs);
  assert.deepEqual(conflicts.map(({ id }) => id), ["name", "tile mine: place", "tile mine: title", "tile 3", "tile seen"]);
  assert.deepEqual(conflicts.map(({ mine: one, theirs: other }) => [one, other]), [
    ["Mine", "Theirs"], ["column 10, row 1, 3 wide, 3 high", "column 1, row 7, 3 wide, 3 high"], ["mine", "theirs"], ["not there", "there"], ["there", "not there"],
  ]);
  assert.deepEqual([board.name, of(board, "one").title, of(board, "one").x, of(board, "one").y, of(board, "three")], ["Mine", "mine", 9, 0, undefined]);
  const chosen = merged(BASE, mine, theirs, new Map(conflicts.map(({ id }) => [id, "theirs"]))).board;
  assert.deepEqual([chosen.name, of(chosen, "one").title, of(chosen, "one").y, of(chosen, "two"), of(chosen, "three").title], ["Theirs", "theirs", 6, undefined, "3"]);
});

test("a choice is told in words, and of options only what differs", () => {
  const of = (window, options) => ({ ...BASE, window, tiles: [tile("one", { options }), ...BASE.tiles.slice(1)] });
  const mine = of({ last_seconds: 900 }, { figure: "max", field: "value.n" });
  const theirs = of({ since: "opened" }, { figure: "min", field: "value.n" });
  assert.deepEqual(merged(BASE, mine, theirs).conflicts.map(({ mine: one, theirs: other }) => [one, other]), [
    ["in the last 15 min", "since this board was opened"], ["figure: max", "figure: min"],
  ]);
});

test("two tiles that were added under one name, in one place, are two", () => {
  const mine = { ...BASE, tiles: [...BASE.tiles, tile("number-1", { y: 3, title: "mine" })] };
  const theirs = { ...BASE, tiles: [...BASE.tiles, tile("number-1", { y: 3, title: "theirs" })] };
  const { board, conflicts } = merged(BASE, mine, theirs);
  assert.deepEqual(conflicts, []);
  assert.deepEqual(board.tiles.slice(3).map(({ id, title, y }) => [id, title, y]), [["number-1", "theirs", 3], ["number-2", "mine", 6]]);
  assert.deepEqual(merged(BASE, mine, structuredClone(mine)).board.tiles, mine.tiles, "the same twice is one");
});

test("what is saved is mine when it says the same, whoever wrote it and in whatever order", () => {
  const mine = { ...BASE, name: "Mine" };
  const saved = { ...mine, version: 2, tiles: [...mine.tiles].reverse(), sharing: { groups: [], edit: "private", read: "private" } };
  assert.equal(isSaid(mine, saved), true);
  for (const other of [{ name: "Theirs" }, { sharing: { ...BASE.sharing, read: "everyone" } }, { tiles: BASE.tiles.slice(1) }, { tiles: [tile("one", { w: 4 }), ...BASE.tiles.slice(1)] }]) {
    assert.equal(isSaid(mine, { ...saved, ...other }), false);
  }
});
