import { Controller, Get, Header } from '@nestjs/common';
import { registry } from './metrics.js';

@Controller('metrics')
export class MetricsController {
  /** Prometheus text format. */
  @Get()
  @Header('content-type', registry.contentType)
  metrics(): Promise<string> {
    return registry.metrics();
  }
}
