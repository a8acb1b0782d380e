// Before each spec of a mutation run: a property that fails has killed the mutant, and nobody reads its smallest counterexample; one
// that holds does so after half a second, too. The same histories meet every mutant.
import fc from 'fast-check';

fc.configureGlobal({ seed: 1, endOnFailure: true, interruptAfterTimeLimit: 500 });
