import { proxyActivities, sleep } from '@temporalio/workflow';
import type { SignUpActivities } from '../activities/sign-ups.ts';
import type { SignUpInput } from './contracts.ts';
import { policies } from './policies.ts';

const mail = proxyActivities<SignUpActivities>(policies.mail);

/**
 * Sends the mail with the link of one sign-up: tried again, ever more rarely, for a day as long as the answer is a definite
 * "not sent, later"; never after one that may have been sent. The row says what became of it, so a run that was lost is
 * started again from there.
 */
export async function signUpWorkflow(input: SignUpInput): Promise<void> {
  for (;;) {
    const { retryInMs } = await mail.sendConfirmation.executeWithOptions({ summary: 'Send the link' }, [input]);
    if (retryInMs === null) return;
    await sleep(retryInMs);
  }
}
