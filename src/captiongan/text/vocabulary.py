"""The vocabulary of looks: tables of families, each a plain word and its synonyms, and of parts.

No word is in two families, so each word identifies its family. Colours are sorted as in everyday
speech, not by colorimetry: maroon is a red, teal a turquoise, rust a brown.
"""

import re
from collections.abc import Mapping

from captiongan.base.articles import VOWEL_SOUND

Families = Mapping[str, tuple[str, ...]]
"""A plain word to all words of its family, itself first."""

_AMERICAN = (("grey", "gray"), ("colour", "color"), ("centre", "center"))


def _families(table: str) -> Families:
    """Read 'plain word: synonym, synonym; plain word; ...'; American spellings are added."""
    families = {}
    for entry in table.split(";"):
        plain, *synonyms = _words(entry.replace(":", ","))
        both = (spelling for word in (plain, *synonyms) for spelling in (word, _american(word)))
        families[plain] = tuple(dict.fromkeys(both))
    return families


def _words(listed: str) -> list[str]:
    return " ".join(listed.split()).split(", ")


def _american(word: str) -> str:
    for british, american in _AMERICAN:
        word = word.replace(british, american)
    return word


COLOURS = _families(
    """
    red: scarlet, crimson, ruby, ruby red, cherry, cherry red, brick red, vermilion, cardinal,
        cardinal red, blood red, maroon, burgundy, claret, wine red, wine coloured, carmine,
        garnet, oxblood, rose red, poppy red, tomato red, fire engine red, flame red, strawberry
        red, raspberry red, cranberry, ruddy, reddish;
    orange: tangerine, amber, apricot, peach, peachy, burnt orange, pumpkin, pumpkin orange,
        carrot orange, mandarin orange, flame orange, melon coloured, ginger, orangey, orangish,
        red orange, reddish orange, yellow orange, yellowish orange, pinkish orange;
    yellow: golden, gold, gold coloured, golden yellow, lemon, lemon yellow, mustard, mustard
        yellow, canary yellow, saffron, ochre, butter yellow, buttery, sunny yellow, corn
        yellow, banana yellow, sulphur yellow, honey coloured, straw coloured, flaxen, blonde,
        blond, yellowish, greenish yellow, orangish yellow;
    green: emerald, emerald green, olive, olive green, lime, lime green, jade, jade green, mint,
        mint green, sage, sage green, forest green, grass green, leaf green, moss green, mossy,
        fern green, pea green, apple green, sea green, bottle green, hunter green, chartreuse,
        avocado green, pistachio, yellow green, yellowish green, greyish green, greenish;
    turquoise: teal, cyan, aqua, aquamarine, blue green, green blue, bluish green, greenish
        blue, turquoise blue, turquoise green, peacock blue, lagoon blue;
    blue: navy, navy blue, azure, cobalt, cobalt blue, sapphire, sapphire blue, sky blue, royal
        blue, baby blue, powder blue, midnight blue, electric blue, ocean blue, sea blue, ice blue,
        steel blue, slate blue, denim blue, cornflower blue, cerulean, ultramarine, indigo,
        periwinkle, purplish blue, greyish blue, bluish, blueish;
    purple: violet, lavender, lilac, mauve, plum, plum coloured, amethyst, aubergine, eggplant
        coloured, grape, mulberry, royal purple, pinkish purple, reddish purple, bluish purple,
        purplish;
    pink: rose, rosy, rose pink, magenta, fuchsia, cerise, salmon, salmon pink, coral, coral
        pink, hot pink, shocking pink, baby pink, blush pink, shell pink, candy pink, bubblegum
        pink, flamingo pink, dusty pink, raspberry pink, purplish pink, reddish pink, pinkish;
    brown: tan, chestnut, chestnut brown, chocolate, chocolate brown, bronze, copper, copper
        coloured, coppery, sepia, beige, buff, taupe, khaki, tawny, fawn, camel coloured, hazel,
        mahogany, walnut brown, nut brown, coffee coloured, mocha, caramel, toffee, cinnamon,
        russet, auburn, brunette, rust, rusty, rust coloured, sandy, sand coloured, umber,
        sienna, reddish brown, yellowish brown, golden brown, greyish brown, brownish;
    white: ivory, snow white, snowy, snowy white, pearl, pearl white, pearly, pearly white,
        milky, milky white, milk white, cream, creamy, creamy white, cream coloured, off white,
        chalk white, chalky, bone white, lily white, cotton white, porcelain white, eggshell,
        alabaster, vanilla, pinkish white, yellowish white, greenish white, whitish;
    grey: silver, silvery, silver grey, ash grey, ashen, slate, slate grey, charcoal, charcoal
        grey, gunmetal, gunmetal grey, steel grey, lead grey, stone grey, dove grey, smoke grey,
        smoky, smoky grey, pewter, bluish grey, brownish grey, greyish;
    black: jet black, coal black, pitch black, ink black, inky, raven, raven black, ebony,
        sable, onyx, obsidian, midnight black, soot black, sooty, blackish
    """
)
"""Families of colours."""

SHADES = _families(
    """
    bright: vivid, brilliant, vibrant, intense, radiant, glowing, luminous, neon;
    pale: light, faint, pastel, washed out;
    dark: deep, dusky;
    dull: drab, muted, faded, dim
    """
)
"""How bright a colour is."""

TEXTURES = _families(
    """
    spotted: speckled, dotted, freckled, mottled, flecked, dappled, spotty, stippled;
    striped: stripy, streaked, streaky, banded, barred, pinstriped;
    checked: checkered, chequered, tartan, plaid;
    marbled: variegated, patchy, blotchy, blotched, piebald;
    colourful: multicoloured, rainbow coloured;
    patterned: decorated, ornate, intricate;
    veined: veiny, lined;
    smooth: sleek, polished, waxy;
    soft: velvety, silky, satiny, downy, plush;
    fuzzy: fluffy, furry, hairy, woolly, feathery, shaggy;
    shiny: glossy, gleaming, glistening, glittering, shimmering, sparkling, lustrous, metallic,
        iridescent;
    translucent: transparent, see through, sheer, glassy;
    wrinkled: wrinkly, crinkled, crinkly, crumpled, creased, puckered;
    ruffled: frilly, frilled, wavy, rippled, crimped, fringed;
    rough: coarse, bumpy, scaly, rugged, craggy, grainy, knobbly;
    spiky: spiked, prickly, thorny, spiny, bristly;
    worn: weathered, shabby, battered, tattered, ragged, scruffy;
    wilted: withered, shrivelled, shriveled, dried up
    """
)
"""Families of textures and patterns."""

SHAPES = _families(
    """
    round: rounded, circular, spherical, ball shaped, globe shaped, disc shaped, disk shaped;
    oval: egg shaped, elliptical, oblong, teardrop shaped;
    pointed: pointy, sharp, tapered, tapering, spear shaped, needle shaped;
    hooked: hook shaped, claw shaped;
    long: elongated, lengthy, extended;
    short: stubby, stumpy, squat;
    thin: slender, slim, narrow, skinny, stringy, lean;
    wide: broad, spread out, outstretched;
    thick: chunky, stout, plump, fat, chubby, bulky;
    flat: flattened, level;
    curved: bent, arched, bowed, curving, crescent shaped;
    curled: curly, coiled, twisted, spiral, rolled up;
    straight: upright, erect;
    star shaped: starlike, starry;
    bell shaped: bell like;
    heart shaped: heart like;
    trumpet shaped: funnel shaped, horn shaped, tubular, tube shaped;
    cup shaped: bowl shaped, hollow;
    cone shaped: conical, conic;
    square: boxy, box shaped, rectangular;
    triangular: wedge shaped, three cornered;
    toothed: jagged, serrated, notched, ridged;
    forked: split, cleft;
    layered: overlapping, stacked, multi layered;
    drooping: droopy, hanging, dangling, floppy
    """
)
"""Families of shapes."""

SIZES = _families(
    """
    small: little, tiny, miniature, minute, petite, compact;
    large: big, huge, enormous, giant, massive, great;
    medium sized: average sized, mid sized, middling
    """
)
"""Families of sizes."""

AMOUNTS = _families(
    """
    many: numerous, countless, plenty of, lots of, a lot of, dozens of, a multitude of;
    several: various, multiple, a number of;
    few: a few, only a few, a handful of;
    two: a pair of, a couple of;
    three: a trio of;
    four;
    five;
    six: half a dozen
    """
)
"""How many; they go before a plural."""

_PEOPLE = _families(
    """
    man: gentleman, guy, fellow; woman: lady; boy: lad; girl: lass; child: kid, youngster; toddler;
    person: human being; player: sportsman, athlete; dancer; worker: labourer, laborer; cyclist:
    bicyclist
    """
)

THINGS: Mapping[str, Families] = {
    "flowers": _families(
        """
        flower: blossom, bloom, flower head; tulip; daisy; lily; orchid; poppy; daffodil; iris;
        pansy; carnation; dahlia; sunflower; petunia; buttercup; hibiscus; lotus; geranium; anemone
        """
    ),
    "birds": _families(
        """
        bird; chick: nestling; seagull: gull; pigeon: dove; songbird; sparrow; finch; duck; warbler;
        woodpecker; hummingbird; crow; owl; parrot; hawk; heron; wren; robin; goose; swan
        """
    ),
    "animals": _families(
        """
        dog: hound; puppy: pup; cat; kitten; rabbit: bunny; pig: hog; horse; cow; donkey; mouse;
        sheep; goat; deer; fox; bear; monkey; tiger; squirrel; hamster
        """
    ),
    "insects": _families(
        """
        bee: bumblebee, honeybee; ladybird: ladybug; insect: bug; butterfly; moth; beetle;
        dragonfly; wasp; grasshopper
        """
    ),
    "people": _PEOPLE,
    "clothes": _PEOPLE,
    "vehicles": _families(
        """
        car: automobile, motor car; truck: lorry; bus: coach; van: minivan; bicycle: bike, push
        bike; motorcycle: motorbike; train: locomotive; taxi: cab; aeroplane: airplane, plane; boat:
        ship; tractor; scooter
        """
    ),
    "buildings": _families(
        """
        house: home; building; cottage; hut: shack, cabin; church: chapel; shop: store; tower; barn:
        shed; castle: fortress; school
        """
    ),
    "food": _families(
        """
        fruit; apple; pear; strawberry; tomato; vegetable; cake: gateau; cupcake: muffin; biscuit:
        cookie; dessert: pudding; pie: tart; sandwich; salad
        """
    ),
    "furniture": _families(
        """
        chair; armchair: easy chair; sofa: couch, settee; table; desk: writing table; bed; cupboard:
        cabinet; wardrobe; stool: footstool; bench
        """
    ),
    "plants": _families(
        """
        plant; tree; bush: shrub; hedge; cactus; vine: creeper
        """
    ),
    "objects": _families(
        """
        cup: mug; bottle: flask; box: carton; jug: pitcher; vase; teapot; lamp; book; umbrella:
        parasol; clock; ball; toy: plaything; basket
        """
    ),
    "scenes": _families(
        """
        scene; landscape; view; photograph: photo, snapshot; picture: image; painting; beach:
        seaside; garden
        """
    ),
}
"""What a sentence is about, by group."""

ABOUT_PEOPLE = frozenset(["people", "clothes"])
"""Groups of which only the parts are described: nobody is told to be red or crumpled."""

PARTS: Mapping[str, Families] = {
    "flowers": _families(
        """
        petals; centre: middle, disc, disk, heart, core; stamens; filaments; anthers; pistil;
        stigma; pollen: pollen grains; sepals: calyx; stem: stalk, pedicel; leaves: foliage; buds;
        tips: ends, points, petal tips, petal ends; edges: rims, borders, margins, petal edges,
        fringes; veins: veining; spots: dots, speckles, freckles, flecks, specks, blotches, patches;
        stripes: streaks, lines; throat: chin
        """
    ),
    "birds": _families(
        """
        head; face; crown: top of the head; crest: tuft; beak: bill; cheeks: cheek patch, malar
        stripe; neck; nape: back of the neck; throat: chin; breast: chest; belly: abdomen, stomach,
        underbelly, tummy, underside, underparts; back; rump; sides: flanks; wings; wing bars:
        wingbars; primaries: primary feathers; secondaries: secondary feathers; coverts: wing
        coverts; tail: tail feathers, rectrices; feathers: plumage; body: torso; legs: shanks,
        thighs, tarsi; feet: claws, talons; eye rings: eyerings; eyebrows: brows, superciliary
        stripe, superciliaries; eyes
        """
    ),
    "animals": _families(
        """
        fur: pelt; head; face; ears; nose: snout, muzzle; mane; breast: chest; belly: stomach,
        tummy, underside; back; legs; paws; hooves; tail; horns: antlers; tongue; collar; spots:
        patches, blotches; stripes: streaks, lines; eyes
        """
    ),
    "insects": _families(
        """
        wings; body: torso; head; antennae: feelers; legs; spots: dots, specks, patches; stripes:
        streaks, lines; eyes
        """
    ),
    "people": _families(
        """
        hair: locks; beard; moustache: mustache; lips; eyebrows: brows; cheeks;
        teeth; fingernails: nails; eyes
        """
    ),
    "clothes": _families(
        """
        shirt: blouse, t shirt, tee shirt; trousers: pants, slacks, jeans; shorts; skirt: kilt;
        dress: gown, frock; jacket: coat, blazer, anorak; jumper: sweater, pullover, sweatshirt;
        suit; uniform; hat: cap, beret; helmet; shoes: trainers, sneakers, sandals; boots; socks:
        stockings; gloves: mittens; scarf: shawl; tie: necktie; belt; backpack: rucksack; handbag:
        purse; apron
        """
    ),
    "vehicles": _families(
        """
        roof: rooftop; wheels; tyres: tires; door: doors; windows: panes; bonnet; seats; bumper:
        fender; headlights: headlamps; mirrors; frame; handlebars; stripes: lines
        """
    ),
    "buildings": _families(
        """
        roof: rooftop; walls: brickwork; windows: panes; door: doors; shutters: blinds; chimney;
        fence: railings; steps: stairs, staircase; columns: pillars; balcony; curtains: drapes; sign
        """
    ),
    "food": _families(
        """
        peel: rind; flesh: pulp; seeds: pips; stem: stalk; leaves; icing: frosting; filling:
        stuffing; crust; sauce: syrup, gravy; topping; sprinkles; plate: dish
        """
    ),
    "furniture": _families(
        """
        legs; cushions: pillows; seats; arms: armrests; frame; upholstery; drawers; handles: knobs;
        blanket: throw; edges: rims
        """
    ),
    "plants": _families(
        """
        leaves: foliage; trunk; bark; branches: boughs, twigs; needles; berries; stem: stalk;
        thorns: prickles; roots
        """
    ),
    "objects": _families(
        """
        handles: knobs; lid; label: tag; edges: rims, borders; base: bottom; ribbon: bow; buttons;
        spots: dots, specks; stripes: lines; inside: interior; outside: exterior
        """
    ),
    "scenes": _families(
        """
        sky; clouds; grass: lawn; water: sea; sand; hills: mountains, hillside; rocks: stones,
        boulders; field: meadow; background: backdrop; forest: woods; sunset
        """
    ),
}
"""Kinds of parts, by the group of things that have them. A kind's name is its plain word."""

UNCOUNTED = frozenset(
    _words(
        """
        bark, brickwork, flesh, foliage, frosting, fur, grass, gravy, hair, icing,
        plumage, pollen, pulp, sand, stuffing, syrup, upholstery, veining, water
        """
    )
)
"""Words for parts that take no article and a singular verb."""

IRREGULAR_PLURALS = {
    "antenna": "antennae",
    "branch": "branches",
    "foot": "feet",
    "hoof": "hooves",
    "leaf": "leaves",
    "tarsus": "tarsi",
    "tooth": "teeth",
}
"""Words for parts, singular and plural, where the two differ by more than an s."""

COVERS = frozenset(["petals", "feathers", "fur", "hair", "body", "peel", "walls"])
"""Kinds of parts that make up the look of the whole thing: a white flower has white petals."""

A_BEFORE_VOWEL = re.compile(rf"\ba (?={VOWEL_SOUND})")
"""Where "a" must be "an"."""
