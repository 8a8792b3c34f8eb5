/** The sign-in page: it sends the token, the server answers with a cookie, and the page is loaded anew. */
import { find } from "./core/dom.js";
import { duration } from "./core/format.js";

const [form, token, problem, submit] = ["form", "token", "problem", "submit"].map(find);

form.onsubmit = async (event) => {
  event.preventDefault();
  submit.disabled = true;
  problem.textContent = "";
  const words = await signIn(token.value);
  if (words === "") return location.reload();
  submit.disabled = false;
  problem.textContent = words;
  token.select();
};

/** @returns {Promise<string>} what went wrong, or nothing */
async function signIn(secret) {
  try {
    const headers = { "Content-Type": "application/json" };
    const response = await fetch("signin", { method: "POST", headers, body: JSON.stringify({ token: secret }) });
    if (response.ok) return "";
    if (response.status === 401) return "That is not the token of this server.";
    if (response.status === 429) return `Too many tries. ${later(response.headers.get("Retry-After"))}`;
    return `The server answered ${response.status}. Its log says why.`;
  } catch {
    return "The server cannot be reached.";
  }
}

function later(seconds) {
  return Number(seconds) > 0 ? `Try again in ${duration(Number(seconds) * 1000)}.` : "Try again in a minute.";
}
