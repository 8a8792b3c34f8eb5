/** The page: its parts, and what connects them. */
import { Board } from "./board.js";
import { Channels } from "./channels.js";
import { connect } from "./client.js";
import { find } from "./dom.js";
import { paintEmpty } from "./empty.js";
import { Feed } from "./feed.js";
import { count, counted } from "./format.js";
import { listenToKeys } from "./keys.js";
import { openPage } from "./page.js";
import { isStats } from "./record.js";
import { completeness, describe } from "./status.js";
import { Stream } from "./stream.js";

const PAINT_MS = 250; // between two paints of what stands around the rows
const base = new URL("..", import.meta.url);
const hub = connect(base, { pace: 50 });
const listParts = { scroller: find("scroller"), list: find("list"), older: find("older"), newer: find("newer") };
const stream = new Stream(listParts, openPage, paintSoon);
const feed = new Feed(hub, stream, new Board(find("board")), announce);
const channels = new Channels(base, feed, find("channels"), onChannels);
const connection = { wasUp: false, lostAt: 0, retryAt: 0 }; // milliseconds since 1970
let painting = 0;

hub.onstate = ({ name, delay, attempt }) => {
  if (name === "connected") {
    if (connection.lostAt) feed.onBack(Date.now() - connection.lostAt);
    Object.assign(connection, { wasUp: true, lostAt: 0 });
  } else if (connection.wasUp) connection.lostAt ||= Date.now();
  if (name === "closed" || (name === "waiting" && attempt === 1)) announce(paintStatus());
  if (name === "waiting") {
    connection.retryAt = Date.now() + delay;
    channels.refresh(); // a 401 is what tells a sign-in that ran out from a server that is away
  }
  paintSoon();
};

function onChannels() {
  const rows = [...feed.channels.values()].filter((channel) => !channel.off && !isStats(channel.name));
  find("list").classList.toggle("one-channel", rows.length < 2);
  applyFilter();
}

function applyFilter() {
  const least = Number(find("level").value);
  const words = find("search").value.trim().toLowerCase();
  stream.filter = ({ channel, record }) => {
    if (feed.channels.get(channel)?.off) return false;
    if (!record) return true;
    if (record.rank < least) return false;
    return !words || `${record.source} ${record.message} ${record.raw}`.toLowerCase().includes(words);
  };
}

function clearFilter() {
  find("level").value = "0";
  find("search").value = "";
  applyFilter();
}

function paintSoon() {
  painting ||= setTimeout(paint, PAINT_MS);
}

function paint() {
  clearTimeout(painting);
  painting = 0;
  const { counts } = stream;
  const all = counted(counts.all, "row");
  paintStatus();
  channels.paint();
  find("rows").textContent = counts.shown < counts.all ? `${count(counts.shown)} of ${all}` : all;
  find("ledger").textContent = completeness(feed.ledger);
  find("ledger").classList.toggle("gaps", feed.ledger.gaps > 0);
  find("follow").textContent = stream.follow.following ? "Pause" : "Follow";
  find("follow").classList.toggle("paused", !stream.follow.following);
  paintEmpty({ counts, hub, channels, feed, base, onClear: clearFilter });
}

function paintStatus() {
  const { kind, words, action, label } = describe(hub.state, { ...connection, list: channels.list });
  const button = find("status-action");
  find("status").dataset.kind = kind;
  if (find("status-words").textContent !== words) find("status-words").textContent = words;
  button.hidden = action === null;
  button.textContent = label;
  button.onclick = () => (action === "reload" ? location.reload() : hub.reconnect());
  return words;
}

/** For those who listen to the page instead of looking at it. */
function announce(words) {
  find("announcements").textContent = words;
}

find("place").textContent = base.host + base.pathname.replace(/\/$/, "");
find("level").onchange = applyFilter;
find("search").oninput = applyFilter;
find("follow").onclick = () => (stream.follow.following ? stream.follow.pause() : stream.follow.resume());
find("page-close").onclick = () => find("page").close();
listenToKeys(stream.follow);
setInterval(paint, 1_000); // countdowns
onChannels();
channels.refresh();
