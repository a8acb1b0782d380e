import { describeFuzz } from './fuzz.contract.js';

describeFuzz(100_000, process.env['BERTH_SEED']);
