"use strict";
// A contender asked by lines of JSON, one after the other, until its input ends.
const readline = require("node:readline");

const now = () => Number(process.hrtime.bigint());
const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

// Calls `send` at a steady rate, whether or not the last has come back.
async function pace(rate, seconds, send) {
  const began = now();
  const open = new Set();
  for (let n = 0; n < rate * seconds; n++) {
    const due = began + (n * 1e9) / rate;
    if (due > now()) await sleep((due - now()) / 1e6);
    const sent = send(now()).finally(() => open.delete(sent));
    open.add(sent);
  }
  await Promise.all(open);
}

// Writers that each send one after the other.
async function rush(writers, seconds, send) {
  const end = now() + seconds * 1e9;
  let sent = 0;
  await Promise.all(
    Array.from({ length: writers }, async () => {
      while (now() < end) {
        await send();
        sent++;
      }
    }),
  );
  return sent;
}

function serve(commands) {
  let last = Promise.resolve();
  const lines = readline.createInterface({ input: process.stdin });
  lines.on("line", (line) => {
    last = last.then(async () => {
      let answer;
      try {
        const ask = JSON.parse(line);
        answer = { ok: (await commands[ask.do](ask)) ?? null };
      } catch (error) {
        console.error(error);
        answer = { error: String(error) };
      }
      process.stdout.write(`${JSON.stringify(answer)}\n`);
    });
  });
  lines.on("close", () => process.exit(0));
}

module.exports = { now, sleep, pace, rush, serve };
