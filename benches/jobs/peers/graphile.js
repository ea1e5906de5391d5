"use strict";
// graphile-worker with what its own measurements recommend for throughput, and as it comes for latency.
const { Logger, makeWorkerUtils, run } = require("graphile-worker");
const { Pool } = require("pg");
const { now, pace, rush, serve } = require("./serve");

const quiet = new Logger(() => () => {});
const fast = { localQueue: { size: 500 }, completeJobBatchDelay: 0, failJobBatchDelay: 0 };
let utils;
let runner;
let waits = [];

const start = (tasks, how) => {
  process.env.NO_LOG_SUCCESS = "1";
  return run({
    preset: { worker: { connectionString: process.env.URL, concurrentJobs: 24, logger: quiet, ...how } },
    taskList: tasks,
    noHandleSignals: true,
  });
};

serve({
  async prepare() {
    utils = await makeWorkerUtils({ pgPool: new Pool({ connectionString: process.env.URL, max: 8 }), logger: quiet });
    await utils.migrate();
  },
  async fill({ jobs }) {
    for (let from = 0; from < jobs; from += 1000) {
      const many = Math.min(1000, jobs - from);
      await utils.addJobs(
        Array.from({ length: many }, (_, n) => ({ identifier: "noop", payload: { n: from + n } })),
      );
    }
  },
  async drain({ jobs }) {
    let done = 0;
    let all;
    const finished = new Promise((resolve) => (all = resolve));
    const began = now();
    const runner = await start({ noop: () => void (++done === jobs && all()) }, fast);
    await finished;
    // What is under way is acknowledged before it stops.
    await runner.stop();
    return (now() - began) / 1e9;
  },
  send: ({ writers, seconds }) => rush(writers, seconds, () => utils.addJob("noop", { n: 1 })),
  pace: ({ rate, seconds }) => pace(rate, seconds, (t) => utils.addJob("timed", { t })),
  async work() {
    waits = [];
    runner = await start({ timed: ({ t }) => void waits.push(now() - t) }, {});
  },
  async rest() {
    await runner.stop();
    return waits;
  },
});
