-- spend.currencies: one row per currency of ISO 4217. Turns minor units into major ones; nothing here is to be summed.
-- currency: ISO 4217 code, upper case
-- exponent: digits after the decimal point, so that one major unit is 10 ^ exponent minor units
-- major_per_minor: what one minor unit is worth in major units
--
-- A code that is not here counts as having two decimals, as nearly all have.
create or replace view spend.currencies as
with listed (exponent, codes) as (
  values
    (0, 'BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF'),
    (3, 'BHD IQD JOD KWD LYD OMR TND'),
    (4, 'CLF UYW'),
    (2, '
      AED AFN ALL AMD ANG AOA ARS AUD AWG AZN BAM BBD BDT BGN BMD BND BOB BOV BRL BSD BTN BWP BYN BZD CAD
      CDF CHE CHF CHW CNY COP COU CRC CUP CVE CZK DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD
      GTQ GYD HKD HNL HTG HUF IDR ILS INR IRR JMD KES KGS KHR KPW KYD KZT LAK LBP LKR LRD LSL MAD MDL MGA
      MKD MMK MNT MOP MRU MUR MVR MWK MXN MXV MYR MZN NAD NGN NIO NOK NPR NZD PAB PEN PGK PHP PKR PLN QAR
      RON RSD RUB SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TOP TRY TTD TWD
      TZS UAH USD USN UYU UZS VED VES WST XAD XCD XCG YER ZAR ZMW ZWG')
)
select
  unnest(regexp_split_to_array(trim(codes, E' \n'), '\s+')) as currency,
  exponent,
  case exponent when 0 then 1 when 2 then 0.01 when 3 then 0.001 else 0.0001 end::decimal(5, 4) as major_per_minor
from listed;
