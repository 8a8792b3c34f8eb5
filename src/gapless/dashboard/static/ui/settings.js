/** What a reader can choose, in one dialog; each choice holds at once. */
import { make } from "../core/dom.js";
import * as settings from "../core/settings.js";
import { MODES } from "../core/time.js";
import { dialog } from "./layers.js";

const CHOICES = [
  ["theme", "Theme", ["system", "dark", "light"]],
  ["density", "Density", ["compact", "normal", "roomy"]],
  ["time", "Times", MODES],
  ["zone", "Zone of these", [["", "of this browser"], ...Intl.supportedValuesOf("timeZone").map((name) => [name, name.replaceAll("_", " ")])]],
  ["wrap", "Wrap long lines", null],
  ["fold", "Fold repeated lines", null],
  ["colours", "ANSI colours", null],
  ["fields", "Fields in the lines", null],
  ["histogram", "Histogram", null],
  ["facets", "Facets", null],
  ["singleKeys", "Single-key shortcuts", null],
  ["announce", "Say to screen readers", ["off", "errors", "summary"]],
  ["pauseHidden", "Stop receiving when hidden", [[0, "never"], [60, "after a minute"], [600, "after ten minutes"]]],
  ["maxRows", "Keep at most, after a reload", [[20_000, "20,000 lines"], [200_000, "200,000 lines"], [1_000_000, "1,000,000 lines"]]],
  ["maxMegabytes", "and", [[16, "16 MB"], [64, "64 MB"], [256, "256 MB"], [512, "512 MB"]]],
];

export function openSettings() {
  dialog("Settings", make("div", { className: "settings" }, ...CHOICES.map(row)));
}

function row([name, words, choices]) {
  const value = settings.get(name);
  if (choices === null) {
    const box = make("input", { type: "checkbox", checked: value });
    box.onchange = () => settings.set(name, box.checked);
    return make("label", {}, make("span", {}, words), box);
  }
  const select = make("select", {});
  for (const choice of choices) {
    const [key, label] = Array.isArray(choice) ? choice : [choice, choice];
    select.append(make("option", { value: String(key), selected: key === value }, label));
  }
  select.onchange = () => settings.set(name, typeof value === "number" ? Number(select.value) : select.value);
  return make("label", {}, make("span", {}, words), select);
}
