/** Every scenario by name. A scenario is a function of a `Stage` that throws when the hub does not conform. */

import connecting from "./connecting.mjs";
import disconnecting from "./disconnecting.mjs";
import history from "./history.mjs";
import presence from "./presence.mjs";
import publishing from "./publishing.mjs";
import recovering from "./recovering.mjs";
import saving from "./saving.mjs";
import serverSide from "./server_side.mjs";
import subscribing from "./subscribing.mjs";

export const SCENARIOS = {
  ...connecting,
  ...subscribing,
  ...publishing,
  ...presence,
  ...history,
  ...recovering,
  ...saving,
  ...serverSide,
  ...disconnecting,
};
