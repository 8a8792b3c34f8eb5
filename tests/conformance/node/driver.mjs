/**
 * Runs the scenarios: node driver.mjs SETTINGS TRANSPORT…
 *
 * SETTINGS is the JSON line that `server.py` printed; with SCENARIO in the environment only scenarios whose
 * name holds it are run. Prints {"plan": [[transport, scenario], …]} and then
 * one line {"transport", "scenario", "seconds", "error", "frames"} as each ends; error is null when it conforms.
 */

import { HubServer } from "./hub_server.mjs";
import { SCENARIOS } from "./scenarios/index.mjs";
import { Stage } from "./stage.mjs";
import { TRANSPORTS } from "./transports.mjs";

const AT_ONCE = 32;
const SCENARIO_MS = 45_000;

const [settings, ...transports] = process.argv.slice(2);
const part = process.env.SCENARIO ?? "";
const server = new HubServer(JSON.parse(settings));
const say = (line) => process.stdout.write(`${JSON.stringify(line)}\n`);

function planned() {
  const plan = [];
  for (const [scenario, run] of Object.entries(SCENARIOS)) {
    if (!scenario.includes(part)) continue;
    for (const transport of transports) {
      if (!run.fits || run.fits(transport)) plan.push([transport, scenario]);
    }
  }
  return plan;
}

function tooLong() {
  let timer;
  const promise = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`was not over after ${SCENARIO_MS} ms`)), SCENARIO_MS);
  });
  return { promise, cancel: () => clearTimeout(timer) };
}

async function play(transport, scenario) {
  const stage = new Stage(server, TRANSPORTS[transport]);
  const began = performance.now();
  const limit = tooLong();
  let error = null;
  try {
    await Promise.race([SCENARIOS[scenario](stage), limit.promise]);
  } catch (problem) {
    error = String(problem.stack ?? problem);
  } finally {
    limit.cancel();
    stage.close();
  }
  const seconds = (performance.now() - began) / 1000;
  say({ transport, scenario, seconds, error, frames: error ? stage.recorder.frames : [] });
}

// What a client emits late, for example the rejection of a call that nobody awaits any more when its
// scenario is over, must not end the other scenarios.
process.on("unhandledRejection", () => {});

const plan = planned();
say({ plan });
const waiting = [...plan];
const lane = async () => {
  for (let next = waiting.shift(); next; next = waiting.shift()) await play(...next);
};
await Promise.all(Array.from({ length: AT_ONCE }, lane));
process.exit(0);
