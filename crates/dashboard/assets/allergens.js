// The 14 allergens that the EU has food marked with, by their everyday names in the line's four languages.
//
// Words are given in lower case without accents, as `plain` makes them; a star stands for any ending.

const NAMES = {
  gluten: 'gluten* wheat* rye barley oat oats spelt kamut coeliac* celiac* trigo centeno cebada avena espelta celiac* ble seigle orge avoine epeautre coeliaque* weizen* roggen* gerste* hafer* dinkel* zoliakie',
  crustaceans: 'crustacean* shellfish prawn* shrimp* crab crabs lobster* crayfish langoustine* crustaceo* marisco* gamba gambas camaron* langostino* cangrejo* bogavante* crustace crustaces crevette* crabe* homard* krebstier* garnele* krabbe* hummer* scampi',
  egg: 'egg eggs mayo mayonnaise* huevo* mayonesa oeuf oeufs ei eier eiern eigelb eiweiss mayonnaise*',
  fish: 'fish fishes anchov* salmon tuna cod pescado* anchoa* salmon* atun bacalao poisson* anchois saumon thon cabillaud fisch* sardelle* lachs thunfisch kabeljau',
  peanuts: 'peanut* groundnut* cacahuete* cacahuate* mani arachide* cacahouete* erdnuss* erdnuess*',
  soy: 'soy soya soja* tofu edamame',
  milk: 'milk dairy lactose* cream butter cheese* yoghurt* yogurt* whey casein leche* lacteo* lactosa nata mantequilla queso* yogur* lait laitier* laitage* creme beurre fromage* yaourt* milch* laktose* sahne rahm butter kase joghurt*',
  nuts: 'nut nuts almond* hazelnut* walnut* cashew* pecan* pistachio* macadamia* nuez nueces almendra* avellana* anacardo* pistacho* noix noisette* amande* cajou pistache* nuss nusse nuesse mandel* haselnuss* walnuss* nussallerg* pistazie* pekannuss*',
  celery: 'celery celeriac apio celeri* sellerie*',
  mustard: 'mustard* mostaza moutarde* senf*',
  sesame: 'sesame* tahini sesamo ajonjoli sesam*',
  sulphites: 'sulphite* sulfite* sulphur sulfito* sulfite* sulfit*',
  lupin: 'lupin* altramuz altramuces lupine*',
  molluscs: 'mollusc* mollusk* mussel* oyster* clam clams squid* octopus* scallop* snail* molusco* mejillon* ostra* almeja* calamar* pulpo* mollusque* moule* huitre* palourde* poulpe* calmar* escargot* weichtier* muschel* auster* tintenfisch* oktopus',
};

// What says that somebody must not have something, rather than does not like it.
const WARNS = /allerg|alergi|anaphyla|anafila|intoleran|unvertrag|unvertraeg|epipen|^co?eliac|^coeliaque|zoliakie|zoeliakie|^(gluten|laktose|lactose)-?fr|.(free|frei)$/;

const patterns = (words) => words.split(' ').map((word) => (word.endsWith('*') ? [word.slice(0, -1), true] : [word, false]));
const ALLERGENS = Object.entries(NAMES).map(([name, words]) => [name, patterns(words)]);

/** Lower case without accents; as many characters as before, so that places stay. */
export function plain(text) {
  return [...text].map((char) => {
    const bare = char.normalize('NFD')[0].toLowerCase();
    return bare.length === char.length ? bare : char;
  }).join('');
}

const fits = (list, word) => list.some(([start, open]) => (open ? word.startsWith(start) : word === start));

const folded = (word) => plain(word).replaceAll('œ', 'oe').replaceAll('ß', 'ss');

/** The allergen that a word names; none where it names none. */
export function allergenOf(word) {
  const bare = folded(word);
  return ALLERGENS.find(([, list]) => fits(list, bare))?.[0] ?? null;
}

/** The text in pieces: words that name an allergen, or warn of an allergy, and what is between them. */
export function pieces(text) {
  const found = [];
  let last = 0;
  for (const match of text.matchAll(/[\p{L}\p{M}]+(?:-(?:free|frei))?/gu)) {
    const warns = WARNS.test(folded(match[0]));
    // "Soy alérgica a ..." is Spanish for "I am".
    const am = /^soy$/i.test(match[0]) && /^\s+(muy\s+)?(al[eé]rgic|cel[ií]ac|intoler)/i.test(text.slice(match.index + 3));
    const allergen = am ? null : allergenOf(match[0].replace(/-(free|frei)$/i, ''));
    if (!warns && !allergen) continue;
    if (match.index > last) found.push({ text: text.slice(last, match.index) });
    found.push({ text: match[0], allergen, warns });
    last = match.index + match[0].length;
  }
  if (last < text.length) found.push({ text: text.slice(last) });
  return found;
}

/** Whether the customer speaks of an allergy, and of which allergens in the same sentence; none where he does not. */
export function warning(text) {
  const sentences = text.split(/[.!?;\n]+/).map(pieces).filter((found) => found.some((piece) => piece.warns));
  if (!sentences.length) return null;
  return [...new Set(sentences.flat().map((piece) => piece.allergen).filter(Boolean))];
}
