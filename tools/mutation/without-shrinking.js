// Before each spec of a mutation run: a property that fails has killed the mutant, nobody reads its smallest counterexample. And the
// same histories meet every mutant.
import fc from 'fast-check';

fc.configureGlobal({ endOnFailure: true, seed: 1 });
