import { type AllocationRequest } from '@berth/domain';
import { createServer, type IncomingHttpHeaders, type Server, type ServerResponse } from 'node:http';
import { type AddressInfo } from 'node:net';

export interface Received {
  headers: IncomingHttpHeaders;
  body: string;
  request: AllocationRequest;
}

/** A webhook on loopback that answers as the test says. */
export class Receiver {
  readonly received: Received[] = [];
  /** Requests whose answer nobody waits for any more. */
  givenUp = 0;
  answer: (received: Received, response: ServerResponse) => void = () => undefined;

  private constructor(
    private readonly server: Server,
    readonly host: string,
  ) {}

  /** @param port 0: any. */
  static async start(port = 0): Promise<Receiver> {
    const server = createServer();
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(port, '127.0.0.1', resolve);
    });
    const receiver = new Receiver(server, `127.0.0.1:${(server.address() as AddressInfo).port}`);
    server.on('request', (incoming, response) => {
      const chunks: Buffer[] = [];
      incoming.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('close', () => (receiver.givenUp += response.writableEnded ? 0 : 1));
      incoming.on('end', () => {
        const body = Buffer.concat(chunks).toString();
        const received = { headers: incoming.headers, body, request: JSON.parse(body) as AllocationRequest };
        receiver.received.push(received);
        receiver.answer(received, response);
      });
    });
    return receiver;
  }

  get url(): string {
    return `http://${this.host}/allocate?code=hush`;
  }

  /** Says this from now on. */
  say(body: unknown, status = 200): void {
    this.answer = (_received, response) => {
      response.writeHead(status, { 'content-type': 'application/json' });
      response.end(typeof body === 'string' ? body : JSON.stringify(body));
    };
  }

  /** Takes requests and never answers. */
  keepSilent(): void {
    this.answer = () => undefined;
  }

  async stop(): Promise<void> {
    this.server.closeAllConnections();
    await new Promise((resolve) => this.server.close(resolve));
  }
}
