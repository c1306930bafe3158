// What the vendor of the bench knows: usage of `endpoints` endpoints in three scenes, in every hour, always the same.
const HOUR = 3600;
export const SCENES = ['Ordinary', 'Batch', 'BatchChat'];

export function inputOf(endpoint, scene, time) {
  return 1000 + ((endpoint * 7919 + scene * 31_337 + (time / HOUR) * 104_729) % 900_000);
}

export function outputOf(endpoint, scene, time) {
  return 10 + ((endpoint * 31 + scene * 7 + (time / HOUR) * 17) % 40_000);
}

/** Points and sums of the hours in `[start, end)`. */
export function vendorTruth(endpoints, start, end) {
  const sums = { input_tokens: 0n, output_tokens: 0n };
  for (let endpoint = 0; endpoint < endpoints; endpoint++) {
    for (let scene = 0; scene < SCENES.length; scene++) {
      for (let time = start; time < end; time += HOUR) {
        sums.input_tokens += BigInt(inputOf(endpoint, scene, time));
        sums.output_tokens += BigInt(outputOf(endpoint, scene, time));
      }
    }
  }
  return { points: (endpoints * SCENES.length * (end - start)) / HOUR, sums };
}
