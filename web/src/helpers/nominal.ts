declare const brand: unique symbol;

/** A type of its own for a number or a text, so that an instant is not passed for a price. */
export type Nominal<T, Name extends string> = T & { readonly [brand]: Name };
