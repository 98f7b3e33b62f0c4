// The page of a replay in a real browser: does everyone get its answer, in both languages, in light and dark, on a phone and on
// paper, and does it keep its own promise that nothing runs and nothing is fetched?
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { barriers, openBrowser } from './lib/chromium.mjs';
import { binary, root } from './lib/gate.mjs';
import { temporaryFolder } from './lib/processes.mjs';

const golden = join(root, 'tests/suite/golden/replay');
const folder = temporaryFolder('replay');
let browser;

before(async () => { browser = await openBrowser(); });
after(async () => { await browser?.close(); });

/** The page of the kept log, in one language. */
function report(language) {
  const path = join(folder, `${language}.html`);
  const options = ['--log', 'day.jsonl', '--at', '2026-07-02T12:00:00', '--html', path, '--lang', language];
  execFileSync(binary(), ['replay', 'policy', ...options], { cwd: golden });
  return path;
}

async function show(path, options, look) {
  const context = await browser.newContext(options);
  const page = await context.newPage();
  const complaints = [];
  page.on('console', (message) => complaints.push(message.text()));
  page.on('request', (request) => { if (!request.url().startsWith('file:')) complaints.push(request.url()); });
  try {
    await page.goto(pathToFileURL(path).href);
    await look(page);
    assert.deepEqual(complaints, []);
  } finally {
    await context.close();
  }
}

for (const language of ['vi', 'en']) {
  for (const colorScheme of ['light', 'dark']) {
    test(`the page of a replay keeps nobody out: ${language}, ${colorScheme}`, () => show(
      report(language), { colorScheme, viewport: { width: 1024, height: 800 } }, async (page) => {
        assert.deepEqual(await barriers(page), []);
        assert.match(await page.locator('.answer').innerText(), /^4 /);
        assert.ok(await page.locator('figure > svg rect').count() > 5, 'columns are drawn');
        const paper = await page.evaluate(() => getComputedStyle(document.body).backgroundColor);
        assert.notEqual(paper, 'rgba(0, 0, 0, 0)', 'the style is applied under the page\'s own policy');
      }));
  }
}

test('a phone needs no scrolling sideways, and paper has the whole page', () => show(
  report('vi'), { viewport: { width: 360, height: 800 } }, async (page) => {
    const [needed, there] = await page.evaluate(() => [document.documentElement.scrollWidth, innerWidth]);
    assert.ok(needed <= there, `${needed} > ${there}`);
    const paper = await page.pdf({ path: join(folder, 'replay.pdf') });
    assert.ok(paper.length > 10_000 && readFileSync(join(folder, 'replay.pdf')).subarray(0, 4).equals(Buffer.from('%PDF')));
  }));
