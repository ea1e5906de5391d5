"use strict";
// pg-boss: batches of 500 through fetch and complete, without its upkeep.
const PgBoss = require("pg-boss");
const { now, pace, rush, serve } = require("./serve");

const CLIENTS = 4;
const BATCH = 500;
let boss;
let waits = [];

serve({
  async prepare() {
    boss = new PgBoss({ connectionString: process.env.URL, max: 8, supervise: false, schedule: false });
    boss.on("error", (error) => console.error(error));
    await boss.start();
    for (const name of ["noop", "timed"]) await boss.createQueue(name);
  },
  async fill({ jobs }) {
    for (let from = 0; from < jobs; from += 1000) {
      const many = Math.min(1000, jobs - from);
      await boss.insert(Array.from({ length: many }, (_, n) => ({ name: "noop", data: { n: from + n } })));
    }
  },
  async drain({ jobs }) {
    let done = 0;
    const began = now();
    await Promise.all(
      Array.from({ length: CLIENTS }, async () => {
        for (;;) {
          const batch = await boss.fetch("noop", { batchSize: BATCH });
          if (!batch || batch.length === 0) return;
          await boss.complete("noop", batch.map((job) => job.id));
          done += batch.length;
        }
      }),
    );
    const took = (now() - began) / 1e9;
    if (done !== jobs) throw new Error(`${done} of ${jobs}`);
    return took;
  },
  send: ({ writers, seconds }) => rush(writers, seconds, () => boss.send("noop", { n: 1 })),
  pace: ({ rate, seconds }) => pace(rate, seconds, (t) => boss.send("timed", { t })),
  async work() {
    waits = [];
    await boss.work("timed", { pollingIntervalSeconds: 0.5, batchSize: BATCH }, async (jobs) => {
      for (const { data } of jobs) waits.push(now() - data.t);
    });
  },
  async rest() {
    await boss.offWork("timed");
    return waits;
  },
});
