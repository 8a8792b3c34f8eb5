/** What Live gets behind its first lines: keys, filters by a click, choosing and copying rows, and what stands around the rows. */
import { writeUrl } from "../core/url.js";
import * as language from "../log/language.js";
import { listenToSelection } from "../log/selecting.js";
import { Around } from "./live-around.js";
import { Filters } from "./live-filters.js";
import { liveKeys } from "./live-keys.js";

export class Rest {
  #live;
  #around;
  #channels;

  /**
   * @param {import("./live.js").Live} live
   * @param {import("../app.js").App} app
   * @param {{facets: HTMLElement, chart: HTMLElement}} places which the page kept for what stands around
   */
  constructor(live, { channels }, places) {
    const { panel, box } = live;
    this.#live = live;
    this.#channels = channels;
    panel.asking.use(language);
    listenToSelection(panel);
    this.filters = new Filters(box, panel.follow);
    this.#around = new Around(places, panel, {
      onChoose: (path, value, how) => this.filters.choose(path, value, how),
      onChannel: (name) => channels.toggle(name),
      onFields: (fields) => writeUrl({ facet: fields }),
      onRange: (from, to) => this.filters.setRange(from, to),
      onTime: (time) => this.#goToTime(time),
      onResize: () => live.paintSoon(),
      isChosen: (path, value) => this.filters.isChosen(path, value),
    });
    /** @type {import("../core/keys.js").Binding[]} */
    this.keys = liveKeys(live, this.filters);
  }

  get facets() {
    return this.#around.facets;
  }

  /** A field of a line was chosen, for the filter, a column or a facet. */
  choose(how, path, value) {
    if (how === "column") this.#live.panel.columns.toggle(path);
    else if (how === "facet") this.facets.toggleField(path);
    else this.filters.field(path, value, how === "exclude");
  }

  /** @param {{api: object, hub: object, base: URL, signedIn: boolean}} app */
  paint({ api, hub, base, signedIn }) {
    const { filters } = this;
    const page = {
      panel: this.#live.panel,
      api,
      hub,
      base,
      signedIn,
      onClear: () => filters.clear(),
      onInvert: () => filters.invert(),
      onSearch: () => this.#live.searchOlder(),
      onShowAll: () => this.#channels.turnAllOn(),
      onAllLevels: () => filters.setMinimumLevel(""),
    };
    this.#around.paint({ channels: this.#channels.list(), page });
  }

  #goToTime(time) {
    const { panel } = this.#live;
    for (const { segment, index, key } of panel.view.walk(0, 1)) if (segment.time[index] >= time) return panel.reader.goTo(key);
  }
}
