import { describe, expect, it } from '@jest/globals';
import { admits, slowStarters, warmthOf } from './slow-start.js';

const minute = 60_000;

describe('a hub that starts slowly', () => {
  it('gets a tenth at first, all after ten minutes, and as much more as time has passed in between', () => {
    const at = (minutes: number) => warmthOf(100 * minute, (100 + minutes) * minute);
    expect([-5, 0, 1, 5, 9, 10, 11].map(at)).toEqual([100, 100, 190, 550, 910, 1000, 1000]);
    expect(warmthOf(0, 1)).toBe(100);
  });

  it('is one that opened when another had been open for as long as a start takes', () => {
    const starters = (...opened: number[]) => [
      ...slowStarters(new Map(opened.map((minutes, index) => [`hub-${index}`, minutes * minute]))).keys(),
    ];
    expect(starters()).toEqual([]);
    expect(starters(30)).toEqual([]);
    expect(starters(0, 9, 10, 3)).toEqual(['hub-2']);
    expect(starters(20, 0, 9.999, 40)).toEqual(['hub-0', 'hub-3']);
  });

  it('takes as many devices as it is warm, and goes on taking those that it took', () => {
    const devices = Array.from({ length: 10_000 }, (_, index) => `device-${index}`);
    const taken = (warmth: number) => devices.filter((device) => admits({ key: 'hub-a', warmth }, device));
    const [few, half] = [taken(100), taken(500)];
    expect(Math.abs(few.length - 1000)).toBeLessThan(150);
    expect(Math.abs(half.length - 5000)).toBeLessThan(250);
    expect(few.every((device) => half.includes(device))).toBe(true);
    expect(taken(1000)).toHaveLength(devices.length);
    // Another hub takes others.
    expect(few.every((device) => admits({ key: 'hub-b', warmth: 100 }, device))).toBe(false);
  });
});
