// A curve of bounded length: as it grows, neighbours become their mean.

const MOST = 240;

export class Curve {
  constructor() {
    this.values = [];
    this.stride = 1;
    this.sum = 0;
    this.count = 0;
  }

  add(value) {
    this.sum += value;
    this.count += 1;
    if (this.count < this.stride) return;
    this.values.push(this.sum / this.count);
    this.sum = this.count = 0;
    if (this.values.length < MOST) return;
    this.values = this.values.flatMap((one, place, all) => (place % 2 ? [(one + all[place - 1]) / 2] : []));
    this.stride *= 2;
  }
}
