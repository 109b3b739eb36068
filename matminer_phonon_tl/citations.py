"""The works this package builds on, as BibTeX entries."""

LIU_2020 = (
    "@article{Liu2020, title={Leverage electron properties to predict phonon properties via "
    "transfer learning for semiconductors}, author={Liu, Zeyu and Jiang, Meng and Luo, Tengfei}, "
    "journal={Science Advances}, volume={6}, number={45}, pages={eabd1356}, year={2020}, "
    "doi={10.1126/sciadv.abd1356}}"
)

PETRETTO_2018 = (
    "@article{Petretto2018, title={High-throughput density-functional perturbation theory phonons "
    "for inorganic materials}, author={Petretto, Guido and Dwaraknath, Shyam and Miranda, Henrique "
    "P. C. and Winston, Donald and Giantomassi, Matteo and van Setten, Michiel J. and Gonze, "
    "Xavier and Persson, Kristin A. and Hautier, Geoffroy and Rignanese, Gian-Marco}, "
    "journal={Scientific Data}, volume={5}, pages={180065}, year={2018}, "
    "doi={10.1038/sdata.2018.65}}"
)

JAIN_2013 = (
    "@article{Jain2013, title={Commentary: The Materials Project: A materials genome approach to "
    "accelerating materials innovation}, author={Jain, Anubhav and Ong, Shyue Ping and Hautier, "
    "Geoffroy and Chen, Wei and Richards, William Davidson and Dacek, Stephen and Cholia, Shreyas "
    "and Gunter, Dan and Skinner, David and Ceder, Gerbrand and Persson, Kristin A.}, "
    "journal={APL Materials}, volume={1}, number={1}, pages={011002}, year={2013}, "
    "doi={10.1063/1.4812323}}"
)

YAMADA_2019 = (
    "@article{Yamada2019, title={Predicting Materials Properties with Little Data Using Shotgun "
    "Transfer Learning}, author={Yamada, Hironao and Liu, Chang and Wu, Stephen and Koyama, "
    "Yukinori and Ju, Shenghong and Shiomi, Junichiro and Morikawa, Junko and Yoshida, Ryo}, "
    "journal={ACS Central Science}, volume={5}, number={10}, pages={1717--1730}, year={2019}, "
    "doi={10.1021/acscentsci.9b00804}}"
)

KYOTO_2018 = (
    "@misc{KyotoPhononDB2018, author={Togo, Atsushi}, title={Phonon database at Kyoto university}, "
    "year={2018}, note={Version 2018-04-17, CC BY 4.0}, "
    "howpublished={\\url{https://github.com/atztogo/phonondb}}}"
)

DE_JONG_2015 = (
    "@article{deJong2015, author={de Jong, Maarten and Chen, Wei and Angsten, Thomas and Jain, "
    "Anubhav and Notestine, Randy and Gamst, Anthony and Sluiter, Marcel and Krishna Ande, "
    "Chaitanya and van der Zwaag, Sybrand and Plata, Jose J. and Toher, Cormac and Curtarolo, "
    "Stefano and Ceder, Gerbrand and Persson, Kristin A. and Asta, Mark}, title={Charting the "
    "complete elastic properties of inorganic crystalline compounds}, journal={Scientific Data}, "
    "volume={2}, pages={150009}, year={2015}, doi={10.1038/sdata.2015.9}}"
)

TOGO_2015 = (
    "@article{Togo2015, author={Togo, Atsushi and Tanaka, Isao}, title={First principles phonon "
    "calculations in materials science}, journal={Scripta Materialia}, volume={108}, "
    "pages={1--5}, year={2015}, doi={10.1016/j.scriptamat.2015.07.021}}"
)
