// A portal on PHP's own sessions (`session_start`), which keeps its id over a log-in, adopts any id that a browser brings and
// remembers people by a cookie: is nobody VNeID's there but who came with VNeID?
import assert from 'node:assert/strict';
import { mkdirSync, readdirSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { after, before, test } from 'node:test';
import { startGate } from './lib/gate.mjs';
import { Browser, form } from './lib/http.mjs';
import { citizenRules, everyoneRules, portalAt } from './lib/policy.mjs';
import { freePort, start, temporaryFolder, waitFor } from './lib/processes.mjs';

const CALLBACK = '/dang-nhap/callback';
const sessions = `
[[credential]]
name = "portal-session"
from = [{ cookie = "PHPSESSID" }]
[credential.session]
idle      = "30m"
remembers = ["remember_me"]
[[credential.login]]
name    = "vneid"
begins  = { location_host = ["sso.vneid.test"] }
request = { method = "GET", path = "${CALLBACK}", query = ["code", "state"] }
success = { status = [302], location = ["/"] }
is      = { account = "citizen", login = "vneid", level = 2 }
[[credential.login]]
name     = "password"
request  = { method = "POST", path = "/dang-nhap" }
username = { form = "username" }
success  = { status = [302], location = ["/"] }
is       = { login = "password", account_from = "username" }
[[credential.logout]]
request = { path = "/dang-xuat" }
[[username]]
matches = '^[0-9]{12}$'
account = "citizen"
`;

let folder, php, phpUrl, gate;
const state = () => `store = "embedded"\npath = "${join(folder, 'state')}"`;
const startPolicy = () => startGate({ 'policy.toml': portalAt(new URL(phpUrl).host) + sessions + citizenRules + everyoneRules }, { state: state() });

before(async () => {
  folder = temporaryFolder('php');
  for (const name of ['sessions', 'root']) mkdirSync(join(folder, name));
  const port = await freePort();
  phpUrl = `http://127.0.0.1:${port}`;
  const script = resolve(import.meta.dirname, 'php/index.php');
  php = start('php', ['-S', `127.0.0.1:${port}`, '-t', join(folder, 'root'), script]);
  await waitFor('PHP serves', async () => (await fetch(`${phpUrl}/`)).status === 200, { program: php });
  gate = await startPolicy();
});
after(async () => {
  await gate?.stop();
  await php?.stop();
});

async function restart() {
  await gate.stop({ signal: 'SIGTERM' });
  await gate.startAgain();
}

/** Sends the browser to VNeID; the `state` that the portal gave it. */
async function begin(browser) {
  const { next } = await browser.go(`${gate.url}/dang-nhap/vneid`, {}, (to) => to.host === 'sso.vneid.test');
  return next.searchParams.get('state');
}
async function logIn(browser, code = 'good') {
  return browser.once(`${gate.url}${CALLBACK}?code=${code}&state=${await begin(browser)}`);
}
const page = async (browser, path = '/tra-cuu-ho-so/1') => JSON.parse((await browser.once(gate.url + path)).body);
/** Somebody whom the portal let in with a password before the gate came. */
async function legacy() {
  const browser = new Browser();
  const answer = await browser.once(`${phpUrl}/dang-nhap`, { method: 'POST', fields: { username: '001090000009', password: 'dung' } });
  assert.equal(answer.status, 302);
  return browser.cookie(phpUrl, 'PHPSESSID');
}

test('a citizen comes in with VNeID, on the id that PHP keeps, and leaves again', async () => {
  const browser = new Browser();
  await browser.once(`${gate.url}/`);
  assert.equal((await logIn(browser)).status, 302);
  const seen = await page(browser, '/nop-ho-so');
  assert.deepEqual([seen.session.how, seen.told, seen.id], ['vneid', 'vneid/2', browser.cookie(gate.url, 'PHPSESSID')]);
  await browser.once(`${gate.url}/dang-xuat`);
  assert.equal((await browser.once(`${gate.url}/nop-ho-so`)).status, 303);
});

test('a password never reaches PHP, however it is written', async () => {
  const known = () => readdirSync(join(folder, 'sessions')).length;
  const before = known();
  const fields = { username: '001090000001', password: 'dung' };
  assert.equal((await new Browser().once(`${gate.url}/dang-nhap`, { method: 'POST', fields })).status, 403);
  for (const query of ['username=001090000001', 'username%00%ff=001090000001', 'username%00%z=001090000001', 'username[]=1', 'x=1;username=1']) {
    assert.equal((await new Browser().once(`${gate.url}/dang-nhap?${query}&password=dung`)).status, 400, query);
  }
  for (const method of ['GET', 'HEAD']) {
    // Node frames the body of these only when it is told its length.
    const headers = { 'content-length': String(form(fields).body.length) };
    assert.equal((await new Browser().once(`${gate.url}/dang-nhap`, { method, fields, headers })).status, 400, method);
  }
  assert.equal(known(), before, 'PHP has started no session for any of these');
});

test('a call-back that failed raises no session that a password opened', async () => {
  const id = await legacy();
  for (const query of ['code=junk', 'code=', 'code=x&error=access_denied']) {
    const browser = new Browser();
    browser.setCookie(gate.url, 'PHPSESSID', id);
    const given = await begin(browser);
    await browser.once(`${gate.url}${CALLBACK}?${query}&state=${given}`);
    for (const shown of [id, browser.cookie(gate.url, 'PHPSESSID')].filter(Boolean)) {
      const other = new Browser();
      other.setCookie(gate.url, 'PHPSESSID', shown);
      assert.equal((await other.once(`${gate.url}/nop-ho-so`)).status, 303, query);
    }
  }
});

test('an id that was planted before the log-in is worth nothing', async () => {
  const victim = new Browser();
  victim.setCookie(gate.url, 'PHPSESSID', 'planted0planted0planted0');
  await logIn(victim);
  assert.equal((await page(victim, '/nop-ho-so')).told, 'vneid/2');
  const attacker = new Browser();
  attacker.setCookie(gate.url, 'PHPSESSID', 'planted0planted0planted0');
  assert.equal((await attacker.once(`${gate.url}/nop-ho-so`)).status, 303);
});

test('a cookie that remembers another person reaches PHP neither on a page nor at a log-in', async () => {
  const browser = new Browser();
  await logIn(browser);
  browser.setCookie(gate.url, 'remember_me', 'token-of-another');
  assert.equal((await page(browser, '/nop-ho-so')).session.who, '001090000001');
  const stranger = new Browser();
  stranger.setCookie(gate.url, 'remember_me', 'token-of-another');
  assert.equal((await page(stranger)).session.who, undefined);
  await logIn(stranger, 'junk');
  assert.equal((await stranger.once(`${gate.url}/nop-ho-so`)).status, 303);
});

test('a call-back without a beginning changes nothing for whoever is logged in', async () => {
  const browser = new Browser();
  await logIn(browser);
  const id = browser.cookie(gate.url, 'PHPSESSID');
  for (const query of ['', '?code=x&state=y', '?error=access_denied']) {
    const image = new Browser({ 'sec-fetch-mode': 'no-cors', 'sec-fetch-dest': 'image', accept: 'image/*' });
    image.setCookie(gate.url, 'PHPSESSID', id);
    await image.once(`${gate.url}${CALLBACK}${query}`);
    assert.equal((await page(browser, '/nop-ho-so')).told, 'vneid/2', query);
  }
});

test('strangers who begin log-ins keep nobody out, and a restart forgets nobody', async () => {
  const victim = new Browser();
  const given = await begin(victim);
  const flood = Array.from({ length: 4 }, async (_, nth) => {
    for (let round = 0; round < 25; round += 1) {
      const stranger = new Browser();
      stranger.setCookie(gate.url, 'PHPSESSID', `stranger${nth}x${round}`);
      await begin(stranger);
    }
  });
  await Promise.all(flood);
  await restart();
  await victim.once(`${gate.url}${CALLBACK}?code=good&state=${given}`);
  assert.equal((await page(victim, '/nop-ho-so')).told, 'vneid/2');
  await restart();
  assert.equal((await page(victim, '/nop-ho-so')).told, 'vneid/2');
});
