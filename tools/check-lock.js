// A package whose lock entry lacks one of its per-platform packages installs here and then breaks `npm ci` in the next
// clone ("Missing: X from lock file"). Run after every dependency change; prints nothing when the lock is complete.
import { readFileSync } from 'node:fs';

const { packages } = JSON.parse(readFileSync(new URL('../package-lock.json', import.meta.url), 'utf8'));
const names = Object.keys(packages);
let missing = 0;
for (const name of names) {
  for (const dependency of Object.keys(packages[name].optionalDependencies ?? {})) {
    if (names.some((other) => other.endsWith(`node_modules/${dependency}`))) continue;
    console.error(`${name} ${packages[name].version} lacks ${dependency}`);
    missing += 1;
  }
}
process.exit(missing === 0 ? 0 : 1);
