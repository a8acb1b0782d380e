/** How many there are of something, and how many there may be. */
export interface Limit {
  count: number;
  max: number;
}
