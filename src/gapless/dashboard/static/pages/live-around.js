/** What stands around the rows: facets, chart, the strip beside the scrollbar, the words in place of rows. */
import { Chart } from "../log/chart.js";
import { Minimap } from "../log/minimap.js";
import { guarded } from "../ui/boundary.js";
import { paintEmpty } from "../ui/empty.js";
import { Facets } from "../ui/facets.js";
import { late } from "../ui/late.js";

export class Around {
  #panel;
  #chart;
  #minimap;
  #isChosen;

  /**
   * @param {{facets: HTMLElement, chart: HTMLElement}} places which the page kept for them
   * @param {import("../log/panel.js").Panel} panel
   * @param {{onChoose: (path: string, value: string, how: string) => void, onChannel: (name: string) => void,
   *   onFields: (paths: string[]) => void, onRange: (from: number|null, to: number|null) => void,
   *   onTime: (time: number) => void, onResize: () => void, isChosen: (path: string, value: string) => boolean}} acts
   *   times: milliseconds since 1970; `isChosen`: by the filter of that moment
   */
  constructor({ facets, chart }, panel, { onChoose, onChannel, onFields, onRange, onTime, onResize, isChosen }) {
    this.#panel = panel;
    this.#isChosen = isChosen;
    this.facets = new Facets(facets, panel.store);
    this.#chart = new Chart(chart, panel.store, panel.view);
    this.#minimap = new Minimap(panel.element);
    Object.assign(this.facets, { onChoose, onChannel, onFields });
    const onTable = async (histogram) => (await late(() => import("../ui/charttable.js")))?.openChartTable(histogram, onTime);
    Object.assign(this.#chart, { onRange, onResize, onTable, onJump: onTime, onClear: () => onRange(null, null) });
    this.#minimap.onJump = (share) => {
      panel.follow.pause("scrolled");
      panel.list.reveal(Math.floor(share * panel.view.length));
    };
  }

  /** @param {{channels: Parameters<Facets["paint"]>[0], page: Parameters<typeof paintEmpty>[1]}} now `page`: what `paintEmpty` asks for */
  paint({ channels, page }) {
    const { view, hits, asking, empty } = this.#panel;
    const { element } = this.facets;
    if (!element.hidden) guarded(element, () => this.facets.paint(channels, this.#isChosen));
    guarded(this.#chart.element, () => this.#chart.refresh());
    this.#minimap.refresh(view, hits, asking.isFinding);
    paintEmpty(empty, page);
  }
}
