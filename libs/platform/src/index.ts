export * from './auth.js';
export * from './clock.js';
export * from './end-of-service.js';
export { metrics, showLag } from './metrics.js';
export * from './platform.module.js';
export * from './readiness.js';
export { serve, type Service } from './serve.js';
export * from './settings.js';
export { type WebhookSettings } from './webhook-settings.js';
