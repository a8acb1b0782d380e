import { expect, it } from '@jest/globals';
import { hash32 } from './hash.js';

it('gives the same on any machine, for ever: recorded decisions hang on it', () => {
  const hashes = ['', 'a', 'press-01', 'press-02', 'hub-b\npress-01', '17/0/hub-a', 'Köln'].map(hash32);
  expect(hashes).toMatchInlineSnapshot(`
   [
     2872998923,
     444641715,
     4238363196,
     2387058144,
     1894548811,
     597551755,
     3219461249,
   ]
  `);
});
