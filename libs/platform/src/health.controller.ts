import { Controller, Get, Res } from '@nestjs/common';
import { Readiness } from './readiness.js';

/** The part of Fastify's reply used here. */
interface Reply {
  status(code: number): Reply;
  header(name: string, value: string): Reply;
  send(body: unknown): void;
}

@Controller('health')
export class HealthController {
  constructor(private readonly readiness: Readiness) {}

  /** 200 while the process serves at all. */
  @Get('live')
  live() {
    return { status: 'live' };
  }

  /** 200 when everything a request needs is there, else 503 with what is missing. */
  @Get('ready')
  ready(@Res() reply: Reply): void {
    const pending = this.readiness.pending();
    const isReady = Object.keys(pending).length === 0;
    reply.status(isReady ? 200 : 503).send(isReady ? { status: 'ready' } : { status: 'starting', pending });
  }
}
