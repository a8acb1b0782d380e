import { describeFuzz } from './fuzz.contract.js';

describeFuzz(3_000, process.env['BERTH_SEED']);
