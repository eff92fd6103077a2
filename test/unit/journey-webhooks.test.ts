import { expect, test } from 'vitest';
import { nextAttemptAt, signedHeaders } from '../../infra/journeys/webhooks.ts';

test('a webhook is signed as Standard Webhooks says: its own example', () => {
  const headers = signedHeaders('whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw', 'msg_p5jXN8AQM9LWM0D4loKWxJek', '{"test": 2432232314}', 1_614_265_330_000);
  expect(headers).toEqual({ 'webhook-id': 'msg_p5jXN8AQM9LWM0D4loKWxJek', 'webhook-timestamp': '1614265330', 'webhook-signature': 'v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=' });
});

test('attempts come at 0, 5 s, 5 min, 30 min, 2 h, 5 h, 10 h, 16 h and 24 h, and then no more', () => {
  const seconds = Array.from({ length: 9 }, (_, attempt) => nextAttemptAt(0, attempt)).map((at) => (at ?? 0) / 1_000);
  expect(seconds).toEqual([0, 5, 300, 1_800, 7_200, 18_000, 36_000, 57_600, 86_400]);
  expect(nextAttemptAt(0, 9)).toBeNull();
});
