"""Rows of judgments of pairs."""

from __future__ import annotations

from pyalign.datasets.row import Remote, Row

ROWS = (
    Row(
        "kriegeskorte92", "dissimilarities of 92 photographed objects, by 16 people, with the photographs",
        "kriegeskorte92",
        {"judgments": (), "images": (), "categories": (), "names": ()},
        "https://github.com/rsagroup/rsatoolbox/tree/main/demos/92imageData", "MIT (the toolbox)",
        "Mur, Meys, Bodurka et al. (2013), Frontiers in Psychology 4, 128; Kriegeskorte, Mur, Ruff et al. (2008), "
        "Neuron 60, 1126-1141",
        (
            ("92_behavRDMs.mat", "a struct array rdms_behav_92 of 16 people, field RDM (92, 92)"),
            ("Kriegeskorte_Neuron2008_supplementalData.mat",
             "a struct array stimuli_92objs, field image (175, 175, 3)"),
            ("kriegeskorte92_images_and_behaviour.npz",
             "or both in one: behav_rdms (16, 92, 92), images (92, 175, 175, 3), category (92,)"),
        ),
        kind="dissimilarity",
        files=tuple(
            Remote(file, f"https://raw.githubusercontent.com/rsagroup/rsatoolbox/main/demos/92imageData/{file}")
            for file in ("92_behavRDMs.mat", "Kriegeskorte_Neuron2008_supplementalData.mat")
        ),
        note="categories are only in the .npz, which was compared with the .mat files as public code reads them",
        needs=(("92_behavRDMs.mat", "kriegeskorte92_images_and_behaviour.npz"),),
    ),
    Row(
        "cichy118", "dissimilarities of 118 photographed objects, by people who arranged them", "cichy118",
        {"judgments": (), "images": (), "names": ()},
        "https://doi.org/10.1016/j.neuroimage.2019.03.031", "not stated",
        "Cichy, Kriegeskorte, Jozwik et al. (2019), NeuroImage 194, 12-24",
        (
            ("sim_judgements/judgments_general.mat",
             "judgments: a matrix, or the pairs in a row, for each participant, along the first axis"),
            ("images/", "118 images; rows of the judgments are their names in plain order"),
        ),
        kind="dissimilarity",
        note="people arranged the images by shape, function, colour and background too: this is the general file",
        needs=(("judgments_general.mat",),),
    ),
    Row(
        "king19", "dissimilarities of two sets of 144 photographs, by people who arranged them", "king19",
        {"judgments": ("set1", "set2"), "images": ("set1", "set2"), "names": ()},
        "https://doi.org/10.1016/j.neuroimage.2019.04.079", "not stated",
        "King, Groen, Steel et al. (2019), NeuroImage 197, 368-382",
        (
            ("sim_judgements/BEHAVIOR.mat", "BEHAVIOR.set1.pairwisedistances: people by pairs; and set2"),
            ("images/set1/, images/set2/", "0001.jpg to 0144.jpg, in the order of the alphabet"),
            ("images/stimulus_category_labels.txt",
             "a header, then a line a row of the judgments; its last cell is the number of the image"),
        ),
        kind="dissimilarity",
        note="images in plain order are not the rows of the judgments: names are in the order of these",
        needs=(("BEHAVIOR.mat",),),
    ),
    Row(
        "peterson", "similarities of six sets of 120 images, rated from 0 to 10", "peterson",
        {part: ("animals", "automobiles", "fruits", "furniture", "vegetables", "various")
         for part in ("judgments", "images", "names")},
        "https://github.com/jcpeterson/percept2vec", "not stated",
        "Peterson, Abbott & Griffiths (2018), Cognitive Science 42, 2648-2669",
        (
            ("animals/sim_judgements/*sim*.mat", "a matrix (120, 120) with 'sim' in its name; and so the other sets"),
            ("fruits/sim_judgements/*.pickle", "or a dict of lists of ratings by pairs 'i,j' that count from 1"),
            ("animals/images/", "120 images; rows of a .mat are in plain order of names, of a .pickle of numbers"),
        ),
        kind="similarity",
        note="ratings of a pair in both orders are one mean; code that adds both means counts such pairs twice",
        needs=(tuple(f"{category}/sim_judgements" for category in (
            "animals", "automobiles", "fruits", "furniture", "vegetables", "various",
        )),),
    ),
)  # fmt: skip
