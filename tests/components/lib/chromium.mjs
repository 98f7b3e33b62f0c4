// Debian's Chromium, driven by Playwright, and axe inside it. Knows nothing of the pages.
import { createRequire } from 'node:module';
import { existsSync, readFileSync } from 'node:fs';
import { chromium } from 'playwright-core';

const executablePath = process.env.CHROMIUM ?? '/usr/bin/chromium';
const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

/** A headless browser that talks to loopback and nobody else. */
export async function openBrowser() {
  if (!existsSync(executablePath)) throw new Error(`${executablePath} is not there: install chromium, or name it in CHROMIUM`);
  return chromium.launch({
    executablePath,
    args: [
      '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
      '--disable-component-update', '--disable-sync', '--disable-dev-shm-usage',
    ],
  });
}

/** What breaks WCAG 2.1 A or AA on this page: `rule: element` lines. */
export async function barriers(page) {
  await page.evaluate(axe);
  const { violations } = await page.evaluate(
    () => globalThis.axe.run({ runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa'] }));
  return violations.flatMap(({ id, nodes }) => nodes.map((node) => `${id}: ${node.html}`));
}
