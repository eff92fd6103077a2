import { step, ways, type ReadyJourney } from './drawing.ts';
import { letterConfig } from './mail.ts';

const orderPlaced = { event: { type: 'custom', name: 'order_placed' } };

export const behaviouralTrigger: ReadyJourney = {
  id: 'behavioural-trigger', name: 'Behavioural trigger',
  summary: 'Reminds whoever leaves a full cart, unless the order comes first. Your shop sends cart_abandoned and order_placed.',
  graph: {
    nodes: [
      step([0, 0], 'entry', 'entry', 'Leaves a cart', {
        trigger: { kind: 'custom', name: 'cart_abandoned', filters: [] }, reentry: 'after_completion',
        goal: { kind: 'custom', name: 'order_placed', filters: [] }, exits: { goal: false },
      }),
      step([0, 1], 'wait-for-event', 'order-in-2-hours', 'Orders within 2 hours?', { ...orderPlaced, timeout: { amount: 2, unit: 'hours' } }),
      step([-1, 2], 'exit', 'bought', 'Bought', { label: 'Bought without a reminder' }),
      step([1, 2], 'send', 'cart', 'Your cart', letterConfig({
        subject: 'You left something in your cart',
        preheader: 'We have kept it for you.',
        title: 'We have kept it for you',
        paragraphs: [
          'Hello {{ first_name | default: "there" }},',
          'You were about to order {{ event.properties.product | default: "something nice" }} and stopped on the way. Your cart is still here, just as you left it.',
        ],
        button: { label: 'Back to my cart', url: 'https://example.com/cart' },
        aside: 'Did something not work? Reply to this mail and we sort it out.',
      })),
      step([1, 3], 'wait-for-event', 'order-in-a-day', 'Orders within a day?', { ...orderPlaced, timeout: { amount: 1, unit: 'days' } }),
      step([0, 4], 'exit', 'bought-later', 'Bought after all', { label: 'Bought after the reminder' }),
      step([2, 4], 'send', 'last-call', 'Last call', letterConfig({
        subject: 'Your cart will be cleared tomorrow',
        preheader: 'Everything in it is still in stock today.',
        title: 'Still yours until tomorrow',
        paragraphs: [
          'Hello {{ first_name | default: "there" }},',
          'Everything in your cart is still in stock. We keep it for one more day, then others can have it. If you changed your mind, there is nothing to do.',
        ],
        button: { label: 'Finish my order', url: 'https://example.com/cart' },
      })),
      step([2, 5], 'exit', 'reminded-twice', 'Reminded twice', { label: 'Reminded twice' }),
    ],
    edges: ways(
      'entry > order-in-2-hours:happened > bought',
      'order-in-2-hours:timed_out > cart > order-in-a-day:happened > bought-later',
      'order-in-a-day:timed_out > last-call > reminded-twice',
    ),
  },
};
