export { type OpenReadModel, openReadModel, type ReadModelOptions } from './open-read-model.js';
export { countedMax, pageSize } from './pages.js';
export { Projector } from './projector.js';
export { ProjectorModule } from './projector.module.js';
export * from './read-model.js';
export { DatabaseUnavailable, ProjectorFenced } from './sql/database.js';
