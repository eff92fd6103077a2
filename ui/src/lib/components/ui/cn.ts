import { clsx, type ClassValue } from 'clsx';
import { twMerge } from 'tailwind-merge';

/** Joins classes; where two set the same property, the later one counts. */
export const cn = (...classes: ClassValue[]): string => twMerge(clsx(classes));
