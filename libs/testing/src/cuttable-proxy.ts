import { createServer, connect, type Server, type Socket } from 'node:net';

/** A TCP proxy on loopback whose connections a test can cut, hold back or refuse. */
export class CuttableProxy {
  private readonly pairs = new Set<[Socket, Socket]>();
  private isHeld = false;
  private isRefusing = false;

  private constructor(
    private readonly server: Server,
    readonly port: number,
  ) {}

  static async to(targetPort: number): Promise<CuttableProxy> {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const address = server.address();
    const proxy = new CuttableProxy(server, typeof address === 'object' && address ? address.port : 0);
    server.on('connection', (near) => proxy.pair(near, connect(targetPort, '127.0.0.1')));
    return proxy;
  }

  /** Bytes that were answered over the connections that are open now. */
  get answeredBytes(): number {
    return [...this.pairs].reduce((sum, [, far]) => sum + far.bytesRead, 0);
  }

  /** Breaks every connection, with whatever is on its way. New ones are taken. */
  cut(): void {
    for (const [near, far] of this.pairs) {
      near.destroy();
      far.destroy();
    }
    this.pairs.clear();
  }

  /** Keeps answers from arriving until `release`; requests still go through. */
  hold(): void {
    this.isHeld = true;
    for (const [, far] of this.pairs) far.pause();
  }

  release(): void {
    this.isHeld = false;
    for (const [, far] of this.pairs) far.resume();
  }

  /** Breaks every connection and takes none until `accept`. */
  refuse(): void {
    this.isRefusing = true;
    this.cut();
  }

  accept(): void {
    this.isRefusing = false;
  }

  async close(): Promise<void> {
    this.refuse();
    await new Promise((resolve) => this.server.close(resolve));
  }

  private pair(near: Socket, far: Socket): void {
    if (this.isRefusing) {
      near.destroy();
      far.destroy();
      return;
    }
    const pair: [Socket, Socket] = [near, far];
    this.pairs.add(pair);
    const end = () => {
      this.pairs.delete(pair);
      near.destroy();
      far.destroy();
    };
    near.on('error', end).on('close', end).pipe(far);
    far.on('error', end).on('close', end).pipe(near);
    if (this.isHeld) far.pause();
  }
}
