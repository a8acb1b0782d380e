import { type HubLatency, type Label } from '@berth/domain';
import { Random } from './random.js';

/** Apart from the world's own chance, so that worlds without any of this are what they would be if there were none at all. */
const ownSeed = 2_000_003;
const knownLabels: readonly Label[] = [
  { key: 'site', value: 'paris' },
  { key: 'tier', value: 'gold' },
];
const regions = ['eu-west', 'EU-West', 'us-east'] as const;
/** Up to a little more than measurements may be old. */
const oldestMs = 11 * 60_000;

/** How hubs differ in a world: how far they are, as gateways and operators know it, and what labels they have. */
export class Terrain {
  /** Moments in which gateways report; 0 in a world where hubs differ in nothing, as they do in most. */
  readonly reports: number;
  private readonly random: Random;

  constructor(seed: number) {
    this.random = new Random(seed + ownSeed);
    this.reports = this.random.chance(0.4) ? this.random.whole(1, 15) : 0;
  }

  get isVaried(): boolean {
    return this.reports > 0;
  }

  chance(probability: number): boolean {
    return this.random.chance(probability);
  }

  /** Of a device, as its message has it; undefined: nobody says. */
  region(): string | undefined {
    return this.isVaried && this.random.chance(0.5) ? this.anyRegion() : undefined;
  }

  anyRegion(): string {
    return this.random.pick(regions);
  }

  /** Of a hub, or wanted of one; undefined: nobody says. */
  labels(): readonly Label[] | undefined {
    return this.isVaried && this.random.chance(0.5) ? this.anyLabels() : undefined;
  }

  anyLabels(): readonly Label[] {
    return knownLabels.filter(() => this.random.chance(0.5));
  }

  /** What a gateway knows of some of these hubs. */
  measured(hubs: readonly string[]): Record<string, HubLatency> {
    const { random } = this;
    const measure = (): HubLatency => {
      const ageMs = random.chance(0.7) ? random.whole(0, 30_000) : random.whole(0, oldestMs);
      return { ms: this.ms(), samples: random.whole(0, 5), ageMs };
    };
    return Object.fromEntries(this.some(hubs).map((hub) => [hub, measure()]));
  }

  /** What an operator knows of them; empty: nothing any more. */
  known(hubs: readonly string[]): { hub: string; ms: number }[] {
    return this.random.chance(0.2) ? [] : this.some(hubs).map((hub) => ({ hub, ms: this.ms() }));
  }

  private some(hubs: readonly string[]): readonly string[] {
    return this.random.shuffled(hubs).slice(0, this.random.whole(1, hubs.length));
  }

  private ms(): number {
    return this.random.whole(1, 400) / 4;
  }
}
