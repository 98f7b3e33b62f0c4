// A real Prometheus scrapes the gate's admin address: does it find what it needs, and do its answers tell who was refused, by
// which rule?
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { startGate } from './lib/gate.mjs';
import { request } from './lib/http.mjs';
import { startOrigin } from './lib/origin.mjs';
import { freePort, run, start, temporaryFolder, waitFor } from './lib/processes.mjs';
import { prepareIssuer, tokenPolicy } from './lib/tokens.mjs';

const CITIZEN = '001090000001';
let origin, gate, prometheus, server;

before(async () => {
  const issuer = await prepareIssuer();
  origin = await startOrigin();
  gate = await startGate(tokenPolicy(issuer, origin.address));
  const folder = temporaryFolder('prometheus');
  const port = await freePort();
  writeFileSync(join(folder, 'prometheus.yml'), `
global:
  scrape_interval: 1s
scrape_configs:
  - job_name: vneid-gate
    static_configs:
      - targets: ["${new URL(gate.admin).host}"]
`);
  server = `http://127.0.0.1:${port}`;
  prometheus = start('prometheus', [
    `--config.file=${folder}/prometheus.yml`, `--storage.tsdb.path=${folder}/data`, `--web.listen-address=127.0.0.1:${port}`,
  ]);

  const ask = async (times, path, token) => {
    const headers = { accept: 'application/json', ...(token ? { authorization: `Bearer ${token}` } : {}) };
    for (let i = 0; i < times; i += 1) await request(gate.url, path, { headers });
  };
  await ask(5, '/nop-ho-so/1', await issuer.vneid(CITIZEN));
  await ask(3, '/nop-ho-so/1', await issuer.password(CITIZEN));
  await ask(2, '/nop-ho-so/1', await issuer.expired(CITIZEN));
  await ask(4, '/tra-cuu-ho-so/1');
  await ask(1, '/tra-cuu-ho-so/1', 'no.token.atall');
  await ask(2, '/nop-ho-so/%2e%2e/');
});
after(async () => {
  await prometheus?.stop();
  await gate?.stop();
  await origin?.stop();
});

/** PromQL -> [{ labels, value }]. */
async function query(promql) {
  const answer = (await request(server, `/api/v1/query?query=${encodeURIComponent(promql)}`)).json();
  assert.equal(answer.status, 'success', JSON.stringify(answer));
  return answer.data.result.map(({ metric, value }) => ({ labels: metric, value: Number(value[1]) }));
}

/** Waits until Prometheus has seen what was counted: it answers `promql` with `expected`, as label text -> value. */
async function assertAnswers(promql, label, expected) {
  let last;
  await waitFor(promql, async () => {
    last = Object.fromEntries((await query(promql)).map(({ labels, value }) => [labels[label] ?? '', value]));
    return JSON.stringify(Object.entries(last).sort()) === JSON.stringify(Object.entries(expected).sort());
  }, { program: prometheus }).catch((error) => assert.deepEqual(last, expected, error.message));
}

test('Prometheus finds the gate up', async () => {
  await assertAnswers('up{job="vneid-gate"}', 'job', { 'vneid-gate': 1 });
});

test('PromQL tells the decisions by rule', async () => {
  await assertAnswers('sum by (rule) (vneid_gate_decisions_total) > 0', 'rule', {
    'citizen-vneid': 5, 'citizen-uses-vneid': 3, default: 2, 'public-pages': 4, 'public-without-identity': 1,
  });
});

test('PromQL tells the decisions by action', async () => {
  await assertAnswers('sum by (action) (vneid_gate_decisions_total)', 'action', { forward: 9, reject: 3, login: 2, anonymous: 1 });
});

test('PromQL tells what was refused before any rule was asked', async () => {
  await assertAnswers('sum by (cause) (vneid_gate_refused_requests_total) > 0', 'cause', { ambiguous_target: 2 });
});

test('PromQL tells the answers by their source', async () => {
  await assertAnswers('sum by (source) (vneid_gate_requests_total)', 'source', { upstream: 10, gate: 7 });
});

test('a series that was never counted is there at 0', async () => {
  await assertAnswers('sum(vneid_gate_credential_checks_total{result="signature"})', '', { '': 0 });
  await assertAnswers('vneid_gate_policy_last_reload_successful', '__name__', { vneid_gate_policy_last_reload_successful: 1 });
});

test('durations can be asked for as quantiles', async () => {
  await waitFor('a quantile', async () => {
    const [found] = await query('histogram_quantile(0.9, sum by (le) (vneid_gate_request_duration_seconds_bucket))');
    return found?.value > 0;
  }, { program: prometheus });
});

test('promtool finds no fault in the live scrape', async () => {
  const scrape = (await request(gate.admin, '/metrics')).body;
  const said = await run('promtool', ['check', 'metrics'], { input: scrape });
  assert.equal(said.trim(), '');
});
