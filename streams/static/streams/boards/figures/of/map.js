// The figures of a map: each record that has a place, with what its size and its colour go by.

import { Counted } from "../counted.js";
import { namesOf } from "../cells.js";
import { POINTS, Points } from "../points.js";
import { doubleOf } from "../numbers.js";
import { numOf } from "../values.js";
import { pathOf } from "../paths.js";

/** @typedef {import("../window.js").Entry} Entry */

/**
 * @typedef {{ longitude: number, latitude: number, size: number | null, name: string, hue: string, partition: number, offset: number,
 *   time: number, key: string | null }} Place
 */

export class MapFigures {
  counted = new Counted();
  #latitude;
  #longitude;
  #geojson;
  #size;
  #colour;
  /** @type {Points<Place>} */
  #points = new Points(POINTS);

  /** @param {Record<"latitude" | "longitude" | "geojson" | "size" | "colour", string | null>} options */
  constructor(options) {
    const path = (/** @type {string | null | undefined} */ text) => (text ? pathOf(text) : null);
    this.#latitude = path(options.latitude);
    this.#longitude = path(options.longitude);
    this.#geojson = path(options.geojson);
    this.#size = path(options.size);
    this.#colour = path(options.colour);
  }

  /** @param {Entry} entry */
  add({ fields, bucket, time }) {
    const place = this.#placeOf(fields);
    this.counted.add(bucket, place !== null);
    if (!place) return;
    const size = this.#size ? numOf(fields.at(this.#size)) : undefined;
    const { partition, record } = fields;
    this.#points.add(bucket, {
      longitude: place[0], latitude: place[1], size: size === undefined ? null : doubleOf(size), ...namesOf(fields, this.#colour),
      partition, offset: record.offset, time, key: record.key,
    });
  }

  /** @param {number} second */
  expire(second) {
    this.counted.expire(second);
    this.#points.expire(second);
  }

  read() {
    return { points: this.#points.all(), leftOut: this.#points.leftOut };
  }

  /**
   * @param {import("../paths.js").Fields} fields
   * @returns {[number, number] | null} longitude and latitude
   */
  #placeOf(fields) {
    /** @type {[unknown, unknown]} */
    let place = [this.#longitude && fields.at(this.#longitude), this.#latitude && fields.at(this.#latitude)];
    if (this.#geojson) {
      const geometry = /** @type {any} */ (fields.at(this.#geojson));
      const point = geometry?.type === "Feature" ? geometry.geometry : geometry;
      place = point?.type === "Point" && Array.isArray(point.coordinates) ? [point.coordinates[0], point.coordinates[1]] : [null, null];
    }
    const [longitude, latitude] = place;
    if (typeof longitude !== "number" || typeof latitude !== "number") return null;
    return Math.abs(longitude) <= 180 && Math.abs(latitude) <= 90 ? [longitude, latitude] : null;
  }
}
