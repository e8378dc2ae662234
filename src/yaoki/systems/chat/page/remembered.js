// What the browser remembers: the language for good, the token as long as the tab is open. A browser may refuse both.

export function remembered(store, name) {
  try {
    return store().getItem(name);
  } catch {
    return null;
  }
}

export function remember(store, name, value) {
  try {
    store().setItem(name, value);
  } catch {
    // Then it is forgotten.
  }
}

export const forGood = () => localStorage;
export const forThisTab = () => sessionStorage;
