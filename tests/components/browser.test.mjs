// A citizen in a real browser, at the demo: turned away with the old password, led to VNeID, an application filed. Does the
// page that turns them away help everyone, and do the page's own scripts get answers that programs understand?
import assert from 'node:assert/strict';
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { barriers, openBrowser } from './lib/chromium.mjs';
import { binary } from './lib/gate.mjs';
import { start, temporaryFolder, waitFor } from './lib/processes.mjs';

const CITIZEN = '001090000001';
const PASSWORD = 'matkhau-demo';
const LOGIN = '/dich-vu-cong/cong-dan/dang-nhap';

let demo, portal, browser;
const screenshots = mkdtempSync(join(tmpdir(), 'vneid-gate-screenshots-'));

before(async () => {
  demo = start(binary(), ['demo'], { cwd: temporaryFolder('demo') });
  portal = await waitFor('the demo prints its address', () => /^portal +(\S+?)\/?$/m.exec(demo.output)?.[1], { program: demo });
  browser = await openBrowser();
});
after(async () => {
  await browser?.close();
  await demo?.stop();
});

/** A page of a person of their own, with the language and the width of their screen. */
async function visit({ locale = 'vi-VN', width = 1024, ...more } = {}, walk) {
  const context = await browser.newContext({ locale, viewport: { width, height: 800 }, ...more });
  context.setDefaultTimeout(30_000);
  try {
    return await walk(await context.newPage());
  } finally {
    await context.close();
  }
}

/** The old way in: user name and password. Resolves to the answer that the browser shows. */
async function logInWithPassword(page) {
  await page.goto(portal + LOGIN);
  await page.locator('input[name=username]').fill(CITIZEN);
  await page.locator('input[name=password]').fill(PASSWORD);
  const [answer] = await Promise.all([
    page.waitForResponse((response) => response.request().method() === 'POST' && response.request().isNavigationRequest()),
    page.locator('input[name=password]').press('Enter'),
  ]);
  await page.waitForLoadState();
  return answer;
}

/** From the log-in page through the rehearsal of VNeID (the person, then the code that it shows) back to the portal. */
async function chooseVneid(page) {
  await page.getByRole('link', { name: /VNeID/ }).click();
  await page.locator(`input[name=person][value="${CITIZEN}"]`).check();
  await page.getByRole('button', { name: 'Tiếp tục' }).click();
  await page.locator('input[name=otp]').fill(await page.locator('.sms strong').innerText());
  await page.getByRole('button', { name: 'Đăng nhập' }).click();
  await page.waitForURL(`${portal}/**`);
}

async function screenshot(page, name) {
  const path = join(screenshots, `${name}.png`);
  await page.screenshot({ path, fullPage: true });
  return path;
}

/** What a script on the portal's own page gets back. */
const fetchInPage = (page, path, init) => page.evaluate(async ([address, options]) => {
  const answer = await fetch(address, options);
  const text = await answer.text();
  return {
    status: answer.status, type: answer.headers.get('content-type'), redirected: answer.redirected, url: answer.url,
    code: answer.headers.get('x-support-code'), text,
  };
}, [path, init]);

test('a citizen with the old password is turned away in Vietnamese, and the page leads through VNeID to a filed case', (t) => visit({}, async (page) => {
  const home = await page.goto(`${portal}/`);
  assert.equal(home.status(), 200);

  const refused = await logInWithPassword(page);
  assert.equal(refused.status(), 403);
  assert.match(refused.headers()['content-type'], /^text\/html/);
  assert.equal(refused.headers()['cache-control'], 'no-store');
  assert.match(refused.headers()['content-security-policy'], /default-src 'none'/);
  assert.equal(await page.locator('html').getAttribute('lang'), 'vi');
  assert.match(await page.locator('h1').innerText(), /VNeID/);
  assert.equal(await page.locator('main .code').first().innerText(), refused.headers()['x-support-code']);
  assert.equal(await page.locator('script').count(), 0);
  assert.ok(await page.getByRole('link', { name: 'vneid.gov.vn' }).count() > 0);
  t.diagnostic(`the page: ${await screenshot(page, 'refused')}`);

  await page.locator('a.button').first().click();
  await page.waitForURL(`${portal}${LOGIN}**`);
  await chooseVneid(page);

  await page.goto(`${portal}/nop-ho-so`);
  await page.locator('#xhr-without').click();
  await page.locator('#xhr-result').getByText(/^401 application\/problem\+json/).waitFor();
  await page.locator('select[name=thu-tuc]').selectOption({ index: 1 });
  await page.locator('textarea[name=noi-dung]').fill('Xin cấp bản sao.');
  const [filed] = await Promise.all([
    page.waitForResponse((response) => response.request().method() === 'POST'),
    page.locator('#filing button[type=submit]').click(),
  ]);
  assert.equal(filed.status(), 201);
  assert.match(await page.locator('.case-number').innerText(), /^DN-\d{6}$/);
  t.diagnostic(`the filed case: ${await screenshot(page, 'filed')}`);

  await page.goto(`${portal}/dang-xuat`);
  await page.goto(`${portal}/nop-ho-so`);
  assert.ok(page.url().startsWith(portal + LOGIN), `after the log-out: ${page.url()}`);
}));

test('a form sent after the session ended comes back as a page, and the words in it are not lost', (t) => visit({}, async (page) => {
  await page.goto(portal + LOGIN);
  await chooseVneid(page);
  await page.goto(`${portal}/nop-ho-so`);
  await page.locator('textarea[name=noi-dung]').fill('Một trang viết dở.');
  const elsewhere = await page.context().newPage();
  await elsewhere.goto(`${portal}/dang-xuat`);
  const [sent] = await Promise.all([
    page.waitForResponse((response) => response.request().method() === 'POST'),
    page.locator('#filing button[type=submit]').click(),
  ]);
  assert.equal(sent.status(), 403);
  assert.match(await page.locator('main').innerText(), /chưa đến hệ thống/);
  t.diagnostic(`the page: ${await screenshot(page, 'form-not-sent')}`);

  const [newTab] = await Promise.all([page.waitForEvent('popup'), page.locator('a.button').first().click()]);
  await newTab.waitForURL(`${portal}${LOGIN}**`);
  await chooseVneid(newTab);
  await page.goBack();
  assert.equal(await page.locator('textarea[name=noi-dung]').inputValue(), 'Một trang viết dở.');
}));

test("the portal's scripts get problem documents and no redirects", () => visit({}, async (page) => {
  await page.goto(`${portal}/`);
  const fields = new URLSearchParams({ username: CITIZEN, password: PASSWORD }).toString();
  const asForm = { 'content-type': 'application/x-www-form-urlencoded' };
  const answers = {
    401: [
      await fetchInPage(page, '/nop-ho-so'),
      await fetchInPage(page, '/nop-ho-so', { method: 'POST', headers: asForm, body: 'noi-dung=1' }),
      await fetchInPage(page, '/nop-ho-so', { headers: { authorization: 'Bearer junk.junk.junk' } }),
    ],
    403: [await fetchInPage(page, LOGIN, { method: 'POST', headers: asForm, body: fields })],
  };
  for (const [status, all] of Object.entries(answers)) {
    for (const answer of all) {
      assert.equal(answer.status, Number(status), answer.text);
      assert.match(answer.type, /^application\/problem\+json\b/);
      assert.equal(answer.redirected, false);
      assert.equal(JSON.parse(answer.text).support_code, answer.code);
    }
  }
}));

test('XMLHttpRequest gets a problem document too', () => visit({}, async (page) => {
  await page.goto(`${portal}/`);
  const answer = await page.evaluate(() => new Promise((resolve) => {
    const asked = new XMLHttpRequest();
    asked.open('GET', '/nop-ho-so');
    asked.onloadend = () => resolve({ status: asked.status, type: asked.getResponseHeader('content-type'), url: asked.responseURL });
    asked.send();
  }));
  assert.equal(answer.status, 401);
  assert.match(answer.type, /^application\/problem\+json\b/);
  assert.equal(answer.url, `${portal}/nop-ho-so`);
}));

test('the page is in English for a reader who asks for it, and Vietnamese is on it too', (t) => visit({ locale: 'en-GB' }, async (page) => {
  const refused = await logInWithPassword(page);
  assert.equal(refused.status(), 403);
  assert.equal(await page.locator('html').getAttribute('lang'), 'en');
  assert.match(await page.locator('h1').innerText(), /VNeID/);
  assert.ok(await page.locator('section[lang=vi]').count() > 0);
  t.diagnostic(`the page: ${await screenshot(page, 'refused-en')}`);
}));

for (const colorScheme of ['light', 'dark']) {
  test(`axe finds no barrier on the page in ${colorScheme} colours`, () => visit({ colorScheme }, async (page) => {
    assert.equal((await logInWithPassword(page)).status(), 403);
    assert.deepEqual(await barriers(page), []);
  }));
}

test("axe finds no barrier on the demo's own pages", () => visit({}, async (page) => {
  const found = {};
  const look = async (path) => {
    await page.goto(portal + path);
    found[path] = await barriers(page);
  };
  await look('/');
  await look(LOGIN);
  await chooseVneid(page);
  await look('/nop-ho-so');
  await look('/tra-cuu-ho-so?ma=DN-000001');
  assert.deepEqual(Object.entries(found).filter(([, all]) => all.length > 0), []);
}));

test('a phone of 360 px shows the page without scrolling sideways', (t) => visit({ width: 360 }, async (page) => {
  assert.equal((await logInWithPassword(page)).status(), 403);
  const { wide, shown } = await page.evaluate(() => ({ wide: document.documentElement.scrollWidth, shown: window.innerWidth }));
  assert.equal(shown, 360);
  assert.ok(wide <= shown, `the page is ${wide} px wide`);
  t.diagnostic(`the page: ${await screenshot(page, 'refused-360')}`);
}));
