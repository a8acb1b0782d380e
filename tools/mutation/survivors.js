// A reporter of Stryker: says of each survivor where it is as soon as it is found.
import { relative } from 'node:path';

/** @param {{ fileName: string, location: { start: { line: number, column: number } }, mutatorName: string, replacement: string, status: string }} mutant */
function onMutantTested({ fileName, location, mutatorName, replacement, status }) {
  if (status !== 'Survived' && status !== 'NoCoverage') return;
  const { line, column } = location.start;
  console.log(
    `${status} ${relative('', fileName)}:${line}:${column} ${mutatorName}: ${replacement.replace(/\s+/g, ' ')}`,
  );
}

export const strykerPlugins = [{ kind: 'Reporter', name: 'survivors', value: { onMutantTested } }];
