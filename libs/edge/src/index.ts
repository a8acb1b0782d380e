export { ConfigurationPosition, intakeBytesMax, IntakeModule } from './intake.module.js';
export { batchEventsMax } from './registration-intake.js';
