/** The way to a line by its position, which a link names: over what has yet to be loaded, or to words that it is gone. */
import { count } from "../core/format.js";
import { moment } from "../core/time.js";
import { note } from "../ui/note.js";

/**
 * A link leads to one line, or to several that follow one another.
 * @param {import("../log/panel.js").Panel} panel
 * @param {{channel: string, epoch: string, from: number, to: number}} link
 */
export async function goToLink(panel, { channel, epoch, from, to }) {
  if ((await goToPosition(panel, channel, epoch, from)) === null || to === from) return;
  const [first, last] = [from, to].map((offset) => panel.store.keyOf(channel, epoch, offset));
  if (first !== null && last !== null) panel.reader.chooseTo(first, last);
}

/** @returns {Promise<number|null>} the key of the line, null when it is no longer kept: then a note says so */
export async function goToPosition(panel, channel, epoch, offset) {
  const key = await panel.past.around(channel, epoch, offset);
  if (key !== null) {
    panel.reader.goTo(key);
    return key;
  }
  const known = panel.feed.channels.get(channel);
  if (known && known.epoch !== epoch) note(`This line (number ${count(offset)}) is of an earlier life of the channel and is no longer kept.`, "warning");
  else note(`This line (number ${count(offset)}) is no longer kept.${await oldestWords(panel, channel)}`, "warning");
  return null;
}

async function oldestWords({ feed, past }, name) {
  const channel = feed.channels.get(name);
  if (!channel?.oldest) return "";
  const first = await past.first(name).catch(() => null);
  const from = first?.time ? `, from ${moment(first.time)}` : "";
  return ` The oldest kept line is ${count(first?.offset ?? channel.oldest)}${from}.`;
}
