/** What a step dragged from the palette is called on its way. */
export const dragged = 'application/x-fermata-step';
