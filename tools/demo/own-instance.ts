import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ServiceProcess } from './service-process.ts';

export interface OwnInstance {
  url: string;
  stop(): Promise<void>;
}

/** A Berth of the demo's own: free port, data in a temporary folder that goes with it. */
export async function startOwnInstance(): Promise<OwnInstance> {
  const folder = await mkdtemp(join(tmpdir(), 'berth-demo-'));
  const remove = () => rm(folder, { recursive: true, force: true });
  const env = { BERTH_DATA: join(folder, 'data') };
  try {
    const berth = await ServiceProcess.start('berth', "demo's own Berth", env, join(folder, 'berth.log'));
    const stop = async () => {
      await berth.end('SIGTERM');
      await remove();
    };
    return { url: berth.url, stop };
  } catch (error) {
    await remove();
    throw error;
  }
}
